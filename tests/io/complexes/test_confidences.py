"""Files: oracles/af3/{e2e,single}/files_sample-0, and in oracles/af3/files the arrays that they were written from."""

import json
from pathlib import Path

import numpy as np
import pytest

from foldwright.io.complexes.confidences import (
    Confidences,
    SummaryConfidences,
    confidences_text,
    summary_text,
    write_confidences,
    write_ranking,
    write_summary,
)
from foldwright.io.pae import read_pae
from foldwright.metrics.af3_scores import PredictedErrors, Scores, ranking_score, scores

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
ARRAYS = ORACLES / "files"
JOBS = ("e2e", "single")


class Job:
    """One structure of the released program."""

    def __init__(self, name: str):
        with np.load(ARRAYS / f"{name}.npz") as arrays:
            self.arrays = dict(arrays)
        self.metadata = json.loads((ARRAYS / f"{name}_metadata.json").read_text())
        written = ORACLES / name / "files_sample-0" / f"{name}_seed-11_sample-0"
        self.text, self.summary = (
            Path(f"{written}_{kind}.json").read_text() for kind in ("confidences", "summary_confidences")
        )

    def __getitem__(self, name: str) -> np.ndarray:
        """An array without its padding."""
        n, array = int(self.arrays["length"]), self.arrays[name]
        return array[:n, :n] if array.shape[:2] == (len(array), len(array)) else array[:n]

    def scores(self) -> Scores:
        names = ("asym_id", "tm_global", "tm_interface", "pae", "pde")
        return scores(
            PredictedErrors(
                **{name: self[name] for name in names},
                has_frame=self["frames_mask"],
                contact_probabilities=self["contact_probs"],
            )
        )

    def confidences(self) -> Confidences:
        chains, mask = np.array(self.metadata["token_chain_ids"]), self["atom_mask"]
        return Confidences(
            atom_chain_ids=np.repeat(chains, mask.sum(1)).tolist(),
            atom_plddts=self["plddt"][mask],
            contact_probs=self["contact_probs"],
            pae=self["pae"],
            token_chain_ids=chains.tolist(),
            token_res_ids=self.metadata["token_res_ids"],
        )

    def summarised(self) -> SummaryConfidences:
        found = self.scores()
        disordered, has_clash = self.metadata["fraction_disordered"], self.metadata["has_clash"]
        return SummaryConfidences(
            chain_ids=self.metadata["token_chain_ids"],
            chain_iptm=found.chain_iptm,
            chain_pair_iptm=found.chain_pair_iptm,
            chain_pair_pae_min=found.chain_pair_pae_min,
            chain_ptm=found.chain_ptm,
            fraction_disordered=disordered,
            has_clash=has_clash,
            iptm=found.iptm,
            ptm=found.ptm,
            ranking_score=ranking_score(found.ptm, found.iptm, disordered, has_clash),
        )


@pytest.fixture(params=JOBS)
def job(request):
    return Job(request.param)


def test_the_long_file_is_the_released_programs_byte_for_byte(job, tmp_path):
    assert confidences_text(job.confidences()) == job.text
    write_confidences(tmp_path / "a.json", job.confidences())
    assert (tmp_path / "a.json").read_text() == job.text


def test_the_summary_is_the_released_programs_byte_for_byte(job, tmp_path):
    assert summary_text(job.summarised()) == job.summary
    write_summary(tmp_path / "a.json", job.summarised())
    assert (tmp_path / "a.json").read_text() == job.summary


def test_every_score_equals_the_metadata_of_the_released_program(job):
    found = job.scores()
    expected = {
        "ptm": found.ptm,
        "iptm": found.iptm,
        "ptm_iptm_average": found.mean_tm,
        "chain_pair_iptm": found.chain_pair_iptm,
        "iptm_ichain": found.chain_ptm,
        "iptm_xchain": found.chain_iptm,
        "chain_pair_pae_min": found.chain_pair_pae_min,
        "chain_pair_pde_mean": found.chain_pair_pde_mean,
        "chain_pair_pde_min": found.chain_pair_pde_min,
        "pae_ichain": found.pae_within,
        "pae_xchain": found.pae_across,
        "intra_chain_single_pde": found.pde_within,
        "cross_chain_single_pde": found.pde_across,
        "ranking_confidence_pae": -found.contact_pae,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(value, np.array(job.metadata[name], float), rtol=2e-6, err_msg=name)


def test_what_is_written_is_read_as_alphafold_3s(job, tmp_path):
    write_confidences(tmp_path / "a_confidences.json", job.confidences())
    found = read_pae(tmp_path / "a_confidences.json")
    assert np.abs(found.pae - job["pae"]).max() <= 0.0501
    assert found.tokens is not None


def test_halves_are_rounded_away_from_zero_and_large_values_held():
    arrays = {"contact_probs": np.array([[0.125, 1.5], [0.0, 0.005]], np.float32)}
    arrays["pae"] = np.array([[0.25, 120.0], [31.75, 0.04]], np.float32)
    text = confidences_text(
        Confidences(
            atom_chain_ids=["A"],
            atom_plddts=np.array([100.0], np.float32),
            token_chain_ids=["A", "AB"],
            token_res_ids=[1, 2],
            **arrays,
        )
    )
    record = json.loads(text)
    assert record["contact_probs"] == [[0.13, 1.0], [0.0, 0.01]]
    assert record["pae"] == [[0.3, 99.9], [31.8, 0.0]]
    assert record["atom_plddts"] == [99.99]


def test_the_table_of_ranking_scores_is_not_rounded(tmp_path):
    write_ranking(tmp_path / "a.csv", [(11, 0, 0.8500000000000001), (11, 1, -99.5)])
    assert (tmp_path / "a.csv").read_text() == "seed,sample,ranking_score\n11,0,0.8500000000000001\n11,1,-99.5\n"
