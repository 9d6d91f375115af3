"""Scores of predictions, their intervals and bins, and whether confidence means what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.training.data.chain import Chain
from foldwright.training.evaluation.calibration import calibration, pearson, plot, reliability
from foldwright.training.evaluation.scoreboard import Scoreboard
from foldwright.training.evaluation.scoring import ChainScore, Scores, Trace, bootstrap, collect, score_chain

CA = 1


@pytest.fixture
def chain():
    """Thirty residues on a random walk; three have no C-alpha."""
    rng = np.random.default_rng(1)
    mask = np.zeros((30, 37), bool)
    mask[:, CA] = True
    mask[[4, 11, 12], CA] = False
    positions = np.zeros((30, 37, 3), np.float32)
    positions[:, CA] = np.cumsum(rng.normal(size=(30, 3)) * 2.2, 0)
    return Chain(
        id="walk",
        aatype=rng.integers(20, size=30).astype(np.uint8),
        residue_index=np.arange(30),
        positions=positions * mask[..., None],
        mask=mask,
    )


def truth(chain):
    return torch.from_numpy(chain.positions[:, CA]).double()


def turned(points):
    """Moved as a whole; residues that are not known stand elsewhere."""
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    return points @ (rotation * rotation.det()).T + 5.0


def made(**values):
    numbers = {"length": 50, "depth": 1, "lddt_ca": 0.5, "tm": 0.4, "rmsd": 5.0, "plddt": 50.0}
    residues = {"residue_lddt": np.array([0.5]), "residue_plddt": np.array([50.0])}
    return ChainScore(**({"id": "a", **numbers, **residues} | values))


def test_the_true_structure_moved_as_a_whole_has_every_score_best(chain):
    found = score_chain(chain, Trace(turned(truth(chain)), torch.linspace(20, 90, 30)))
    assert (found.lddt_ca, found.tm, found.rmsd) == pytest.approx((1, 1, 0), abs=1e-6)
    assert len(found.residue_plddt) == 27  # of the known residues
    assert found.plddt == pytest.approx(found.residue_plddt.mean())


def test_unknown_residues_do_not_count(chain):
    one, other = truth(chain), truth(chain)
    one, other = one + torch.randn(one.shape), other + torch.randn(one.shape)
    other[chain.mask[:, CA]] = one[chain.mask[:, CA]]
    first, second = (score_chain(chain, Trace(x)) for x in (one, other))
    assert (first.lddt_ca, first.tm, first.rmsd) == (second.lddt_ca, second.tm, second.rmsd)
    assert 0.2 < first.lddt_ca < 1


def test_residues_that_are_not_placed_keep_no_distance(chain):
    partly = truth(chain)
    partly[15:] = torch.nan
    found = score_chain(chain, Trace(partly))
    known = chain.mask[:, CA]
    assert found.residue_lddt[known[:15].sum() :] == pytest.approx(0)
    assert 0 < found.lddt_ca < known[:15].sum() / known.sum()
    assert found.tm == pytest.approx(known[:15].sum() / known.sum())
    assert found.rmsd == pytest.approx(0, abs=1e-6)
    assert np.isnan(found.plddt)


def test_nothing_placed_scores_nothing(chain):
    found = score_chain(chain, Trace(torch.full((30, 3), torch.nan)))
    assert (found.lddt_ca, found.tm) == (0, 0)
    assert np.isnan(found.rmsd)


def test_the_interval_narrows_with_the_number_of_chains():
    values = np.random.default_rng(0).normal(0.6, 0.2, size=400)
    few, many = bootstrap(values[:25]), bootstrap(values)
    assert many.low < 0.6 < many.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert bootstrap(values) == many  # the same draws every time


def test_the_difference_of_two_predictors_is_taken_chain_by_chain():
    hard, easy = made(id="hard", lddt_ca=0.2), made(id="easy", lddt_ca=0.9)
    one = Scores((hard, easy))
    other = Scores((replace(hard, lddt_ca=0.1), replace(easy, lddt_ca=0.8)))
    found = one.better_by(other)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="same chains"):
        one.better_by(Scores((easy, hard)))


def test_bins_hold_every_chain_once():
    chains = collect(made(length=n, depth=d) for n, d in [(40, 1), (64, 2), (65, 15), (250, 16), (300, 900)])
    lengths, depths = chains.by_length(), chains.by_depth()
    assert {name: len(part.chains) for name, part in lengths.items()} == {"1-64": 2, "65-96": 1, "> 192": 2}
    assert {name: len(part.chains) for name, part in depths.items()} == {"1": 1, "2-15": 2, "16-63": 1, "> 255": 1}


def test_honest_confidence_lies_on_the_diagonal():
    lddt = np.random.default_rng(0).uniform(0, 100, 20_000)
    bins = reliability(lddt, lddt)
    assert len(bins) == 10
    assert sum(each.count for each in bins) == 20_000
    assert all(each.plddt == each.lddt and each.low <= each.plddt <= each.high for each in bins)


def test_boasting_shows_in_the_curve_and_not_in_the_correlation():
    rng = np.random.default_rng(0)
    chains = []
    for i in range(20):
        lddt = rng.uniform(0.1, 0.6, 30) + 0.01 * i
        plddt = 100 * lddt + 20
        chains.append(made(lddt_ca=lddt.mean(), plddt=plddt.mean(), residue_lddt=lddt, residue_plddt=plddt))
    found = calibration(Scores(tuple(chains)))
    assert found.expected_error == pytest.approx(20)
    assert found.residue_r == pytest.approx(1)
    assert found.chain_r == pytest.approx(1)


def test_nothing_that_varies_has_no_correlation():
    assert np.isnan(pearson(np.ones(5), np.arange(5.0)))
    assert pearson(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)


def test_a_predictor_without_confidence_has_no_curve():
    with pytest.raises(ValueError, match="no confidence"):
        calibration(Scores((made(residue_plddt=np.array([np.nan])),)))


def test_a_scoreboard_is_read_and_written(tmp_path):
    rng = np.random.default_rng(0)
    chains = tuple(
        made(id=str(i), length=40 + 20 * i, lddt_ca=0.3 + 0.05 * i, plddt=30.0 + 5 * i, residue_lddt=rng.random(9),
             residue_plddt=100 * rng.random(9))
        for i in range(6)
    )  # fmt: skip
    worse = Scores(tuple(replace(c, lddt_ca=c.lddt_ca / 2, plddt=np.nan) for c in chains))
    board = Scoreboard("net", Scores(chains), {"helix": worse}, {"seed": 0})
    text = "\n".join(board.lines())
    assert "net" in text
    assert "lDDT-Cα above helix: 0.212" in text
    found = board.record()
    assert found["network"]["lddt_ca"]["mean"] == pytest.approx(0.425)
    assert found["baselines"]["helix"]["lddt_ca_behind"]["low"] > 0.15
    names = [path.name for path in board.write(tmp_path)]
    assert names[:2] == ["scores.json", "chains.tsv"]
    assert "NaN" not in (tmp_path / "scores.json").read_text()
    assert len((tmp_path / "chains.tsv").read_text().splitlines()) == 13


def test_the_reliability_curve_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    found = calibration(Scores((made(residue_lddt=rng.random(50), residue_plddt=100 * rng.random(50)), made())))
    plot(found, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
