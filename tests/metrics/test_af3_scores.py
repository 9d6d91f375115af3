"""Arrays: ../shared/oracles/af3/scores/{pae_scores.npz,ranking.json}: the released program on random errors."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foldwright.metrics.af3_scores import PredictedErrors, mean_with_others, ranking_score, scores

STORED = Path(__file__).parents[1] / "oracles" / "af3" / "scores"


@pytest.fixture(scope="module")
def stored():
    with np.load(STORED / "pae_scores.npz") as arrays:
        return dict(arrays)


def errors(stored, sample) -> PredictedErrors:
    names = {"tm_global": "tmscore_adjusted_pae_global", "tm_interface": "tmscore_adjusted_pae_interface"}
    names |= {"pae": "full_pae", "pde": "full_pde"}
    return PredictedErrors(
        asym_id=stored["in/asym_id"],
        has_frame=stored["in/frames_mask"],
        contact_probabilities=stored["in/contact_probs"],
        **{ours: stored[f"in/{theirs}"][sample] for ours, theirs in names.items()},
    )


@pytest.mark.parametrize("sample", [0, 1])
def test_every_score_equals_the_released_programs(stored, sample):
    found = scores(errors(stored, sample))
    expected = {
        "ptm": found.ptm,
        "iptm": found.iptm,
        "chain_pair_iptm": found.chain_pair_iptm,
        "chain_iptm": found.chain_iptm,
        "pae_metrics/iptm_ichain": found.chain_ptm,
        "chain_pair_pae_mean": found.chain_pair_pae_mean,
        "chain_pair_pae_min": found.chain_pair_pae_min,
        "chain_pair_pde_mean": found.chain_pair_pde_mean,
        "chain_pair_pde_min": found.chain_pair_pde_min,
        "pae_metrics/pae_ichain": found.pae_within,
        "pae_metrics/pae_xchain": found.pae_across,
        "ichain_pde": found.pde_within,
        "xchain_pde": found.pde_across,
        "rank_metric_pae": -found.contact_pae,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(value, stored[f"out/{name}"][sample], rtol=2e-6, err_msg=name)


def test_some_chains_have_no_frame_and_say_nothing(stored):
    found = scores(errors(stored, 0))
    assert np.isnan(found.chain_pair_pae_min[2]).all()
    assert np.isfinite(found.chain_pair_pae_min[:2, 2]).all()
    assert np.isnan(found.chain_ptm[2])
    assert np.isfinite(found.chain_iptm[2])


def test_one_chain_has_no_interface(stored):
    alone = replace(errors(stored, 0), asym_id=np.ones(40, int))
    found = scores(alone)
    assert np.isnan(found.iptm)
    assert np.isnan(found.mean_tm)
    assert np.isnan(found.chain_iptm).all()
    assert found.pde_across.tolist() == [0.0]
    assert found.ptm == scores(errors(stored, 0)).ptm


def test_no_frame_at_all_leaves_nothing_to_say(stored):
    found = scores(replace(errors(stored, 0), has_frame=np.zeros(40, bool)))
    assert np.isnan([found.ptm, found.iptm, found.contact_pae]).all()
    assert np.isnan(found.chain_pair_pae_min).all()


def test_ranking_scores_equal_the_released_programs():
    for case in json.loads((STORED / "ranking.json").read_text()):
        iptm = np.nan if case["iptm"] is None else case["iptm"]
        assert ranking_score(case["ptm"], iptm, case["frac"], bool(case["clash"])) == pytest.approx(
            case["score"], abs=1e-12
        )


def test_a_chain_counts_its_row_and_its_column_equally():
    table = np.array([[9.0, 1.0, 2.0], [5.0, 9.0, np.nan], [7.0, np.nan, 9.0]])
    np.testing.assert_allclose(mean_with_others(table), [(1.5 + 6) / 2, (5 + 1) / 2, (7 + 2) / 2])
