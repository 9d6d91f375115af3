"""Structures: ../shared/oracles/af3/scores/{5y2e,6s61}.npz, chains of the PDB with what mkdssp and the released
AlphaFold 3 say of them."""

from pathlib import Path

import numpy as np
import pytest

from foldwright.geometry.neighbours import pairs_within
from foldwright.metrics.accessibility import residue_accessibility, sphere_points
from foldwright.metrics.clash import clashing_atoms, has_clash
from foldwright.metrics.disorder import ProteinChain, fraction_disordered, relative_accessibility, smoothed

STORED = Path(__file__).parents[1] / "oracles" / "af3" / "scores"


@pytest.fixture(params=["5y2e", "6s61"])
def stored(request):
    with np.load(STORED / f"{request.param}.npz") as arrays:
        return dict(arrays)


def heavy(stored) -> ProteinChain:
    keep = stored["element"] != "H"
    return ProteinChain(
        positions=stored["coords"][keep],
        atom_names=stored["atom_name"][keep],
        residue_names=stored["res_name"][keep],
        residue_ids=stored["res_id"][keep],
    )


def test_accessible_areas_are_those_of_mkdssp(stored):
    chain = heavy(stored)
    _, residue = np.unique(chain.residue_ids, return_inverse=True)
    found = residue_accessibility(chain.positions, chain.atom_names, residue)
    np.testing.assert_array_equal(np.floor(found + 0.5), stored["dssp_acc"])


def test_disorder_is_that_of_the_released_program(stored):
    chain = heavy(stored)
    np.testing.assert_allclose(smoothed(relative_accessibility(chain)), stored["windowed_rasa"], rtol=1e-12)
    assert fraction_disordered([chain]) == pytest.approx(stored["fraction_disordered"], abs=1e-12)


@pytest.mark.parametrize("scale", ["1.0", "0.5", "0.3", "0.2"])
def test_a_shrunken_structure_clashes_when_the_released_program_says_so(stored, scale):
    found = has_clash(stored["coords"] * np.float32(scale), stored["chain_id"], stored["res_id"])
    assert found == bool(stored[f"has_clash_scale{scale}"])


def test_residues_without_backbone_are_left_out_and_no_protein_is_no_disorder(stored):
    chain = heavy(stored)
    assert fraction_disordered([]) == 0.0
    cut = (chain.residue_ids != chain.residue_ids[-1]) | (chain.atom_names != "CA")
    without = chain.residue_ids != chain.residue_ids[-1]
    assert fraction_disordered([chain.take(cut)]) == fraction_disordered([chain.take(without)])
    assert fraction_disordered([chain.take(np.zeros(len(cut), bool))]) == 0.0


def test_a_copy_of_a_chain_is_taken_to_be_like_the_first():
    n = 30
    names = np.array(["N", "CA", "C", "O"] * n)
    ids = np.repeat(np.arange(n), 4)
    spread, packed = (np.random.default_rng(0).normal(size=(4 * n, 3)) * scale for scale in (100, 2))
    parts = {"atom_names": names, "residue_names": np.full(4 * n, "ALA"), "residue_ids": ids}
    open_, closed = (ProteinChain(positions=x, **parts) for x in (spread, packed))
    assert fraction_disordered([open_]) == 1.0
    assert fraction_disordered([closed]) == 0.0
    assert fraction_disordered([open_, closed]) == 1.0
    assert fraction_disordered([closed, open_]) == 0.0


def test_a_lone_atom_is_a_whole_sphere_and_one_inside_another_is_hidden():
    area = residue_accessibility(np.zeros((1, 3)), np.array(["CA"]), np.array([0]))
    np.testing.assert_allclose(area, [4 * np.pi * (1.87 + 1.4) ** 2])
    both = residue_accessibility(np.array([[0.0, 0, 0], [0.1, 0, 0]]), np.array(["CA", "O"]), np.array([0, 1]))
    assert both[1] == 0.0
    assert both[0] == pytest.approx(area[0])
    np.testing.assert_allclose(np.linalg.norm(sphere_points(), axis=1), 1)


def test_neighbours_clash_only_beyond_the_next_residue_or_in_another_chain():
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [50, 0, 0], [50.9, 0, 0]])
    chains, ids = np.array(["A", "A", "A", "A", "B"]), np.array([1, 2, 3, 9, 9])
    assert clashing_atoms(positions, chains, ids).tolist() == [True, False, True, True, True]
    assert has_clash(positions, chains, ids)
    assert not has_clash(positions[:2], chains[:2], ids[:2])
    assert not has_clash(np.empty((0, 3)), [], np.empty(0, int))


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_pairs_are_those_that_looking_at_every_two_finds(count):
    points = np.random.default_rng(count).normal(size=(count, 3)) * 4
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    expected = np.argwhere(np.triu(distance <= 2.5, 1))
    assert count < 3 or 0 < len(expected) < count**2 / 4
    np.testing.assert_array_equal(np.stack(pairs_within(points, 2.5), axis=1), expected.reshape(-1, 2))
