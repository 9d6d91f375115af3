"""Scores of one structure against another."""

import math

import pytest
import torch

from foldwright.metrics import gdt, lddt, rmsd, tm


def chain(count):
    """A walk of C-alpha-like steps, compact enough that neighbours along it are not the only ones."""
    steps = torch.nn.functional.normalize(torch.randn(count, 3, dtype=torch.float64), dim=-1)
    return 2.0 * torch.cumsum(steps, 0)


def rotation():
    q = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    return q * torch.linalg.det(q)


def moved(points):
    return points @ rotation().T + 20 * torch.randn(3, dtype=torch.float64)


def test_lddt_equals_deepmind(oracle):
    """Arrays: oracles/af2/geometry/lddt.npz (AlphaFold 2 lddt.py, float64)."""
    case = {key: torch.as_tensor(x).double() for key, x in oracle("geometry/lddt.npz").items()}
    mask = case["in/mask"].squeeze(-1)
    score, theirs = lddt.lddt_ca(case["in/pred"], case["in/true"], mask), case["out/per_residue"]
    compared = ~score.isnan()
    assert 0 < mask.mean() < 1
    assert score[compared].std() > 1e-2
    torch.testing.assert_close(score[compared], theirs[compared], rtol=1e-9, atol=1e-12)
    assert (theirs[~compared] == 1).all()  # the original scores a residue without neighbours 1


def test_all_atom_lddt_is_that_of_its_definition():
    truth, group = 3 * torch.randn(24, 3, dtype=torch.float64), torch.arange(24) // 4
    positions, mask = truth + torch.randn(24, 3), (torch.rand(24) > 0.2).double()
    score = lddt.lddt_all_atom(positions, truth, mask, group)
    for residue in range(6):
        kept, counted = 0.0, 0
        for i in range(24):
            for j in range(24):
                true_distance = (truth[i] - truth[j]).norm()
                if mask[i] * mask[j] == 0 or group[i] != residue or group[j] == residue or true_distance >= 15:
                    continue
                error = abs(float(true_distance - (positions[i] - positions[j]).norm()))
                kept, counted = kept + sum(error < t for t in (0.5, 1, 2, 4)) / 4, counted + 1
        assert score[residue] == pytest.approx(kept / counted, abs=1e-12)


def test_many_atoms_are_scored_as_few(monkeypatch):
    truth, group = 6 * torch.randn(50, 3, dtype=torch.float64), torch.arange(50) // 5
    positions, mask = truth + torch.randn(50, 3), torch.ones(50, dtype=torch.float64)
    whole = lddt.lddt_all_atom(positions, truth, mask, group)
    monkeypatch.setattr(lddt, "ROWS", 7)
    assert whole.std() > 1e-3
    torch.testing.assert_close(lddt.lddt_all_atom(positions, truth, mask, group), whole)


def test_exchanged_names_are_taken_back():
    truth, group = 4 * torch.randn(40, 3, dtype=torch.float64), torch.arange(40) // 8
    swap = torch.arange(40)
    swap[[6, 7, 14, 15]] = torch.tensor([7, 6, 15, 14])  # residues 0 and 1 have two equivalent atoms each
    positions = truth.clone()
    positions[[6, 7]] = truth[[7, 6]]  # residue 0 under the other names
    best = lddt.better_names(positions, positions[swap], truth, torch.ones(40), group)
    torch.testing.assert_close(best, truth)


def test_superposition_removes_motion_and_leaves_errors():
    truth, mask = chain(30), (torch.arange(30) % 4 > 0).double()
    positions = torch.where(mask[:, None] == 1, truth, 50.0)
    assert rmsd.rmsd(moved(positions), truth, mask) < 1e-9
    error = torch.zeros(30, 3, dtype=torch.float64)
    error[:, 0] = torch.where(torch.arange(30) % 2 == 0, 1.0, -1.0)
    assert rmsd.rmsd(moved(truth + error), truth, mask) == pytest.approx(1.0, abs=0.15)


def test_a_mirror_image_is_not_the_same():
    truth = chain(30)
    assert rmsd.rmsd(truth * torch.tensor([-1.0, 1, 1]), truth, torch.ones(30).double()) > 1


def test_same_structure_scores_one_wherever_it_lies():
    truth = chain(60)
    model = moved(truth)
    assert float(tm.tm_score(model, truth, 60)) == pytest.approx(1, abs=1e-6)
    assert gdt.gdt_ts(model, truth, 60) == 1
    assert gdt.gdt_ha(model, truth, 60) == 1
    assert tm.tm_align_score(model.numpy(), "A" * 60, truth.numpy(), "A" * 60) == pytest.approx(1, abs=1e-6)


def test_half_a_structure_scores_half():
    truth = 3 * chain(80)
    model = moved(truth[:40])
    assert float(tm.tm_score(model, truth[:40], 80)) == pytest.approx(0.5, abs=1e-6)
    assert gdt.gdt_ts(model, truth[:40], 80) == 0.5


def test_search_finds_the_domain_that_fits():
    """One domain in three is turned away: superposing everything would fit none of them."""
    truth = 3 * chain(90)
    model = truth.clone()
    model[60:] = moved(truth[60:]) + 80
    model = moved(model)
    assert gdt.gdt_ts(model, truth, 90) >= 0.66
    assert rmsd.rmsd(model, truth, torch.ones(90).double()) > 5


def test_tm_score_agrees_with_tm_align_where_the_alignment_is_plain():
    """TM-align (tmtools) may also shift the alignment, so it can only score higher."""
    truth = 2 * chain(100)
    model = moved(truth + 0.8 * torch.randn(100, 3))
    ours = float(tm.tm_score(model, truth, 100))
    theirs = tm.tm_align_score(model.numpy(), "A" * 100, truth.numpy(), "A" * 100)
    assert ours < 0.99
    assert ours == pytest.approx(theirs, abs=5e-3)


def test_scale_of_tm_is_that_of_the_paper():
    """Zhang & Skolnick (2004), equation 5: d0 = 1.24 (L - 15)^(1/3) - 1.8."""
    assert tm.tm_scale(115) == pytest.approx(1.24 * 100 ** (1 / 3) - 1.8)
    assert tm.tm_scale(10) == 0.5
    assert not math.isnan(tm.tm_scale(15))
