"""Atoms in one place, and only those, are pushed apart."""

from dataclasses import replace

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.relax import overlaps
from foldwright.relax.overlaps import separated

CA, O = ATOM_INDEX["CA"], ATOM_INDEX["O"]  # noqa: E741


@pytest.mark.parametrize("block", [3, 512])
def test_only_coincident_atoms_move(backbone, block, monkeypatch):
    monkeypatch.setattr(overlaps, "BLOCK", block)
    structure = backbone("AAAAAAAA")
    positions = structure.positions.copy()
    positions[2, O] = positions[0, CA]
    structure = replace(structure, positions=positions)
    found, moved = separated(structure, seed=0)
    assert moved.tolist() == [2]
    is_changed = (found.positions != structure.positions).any(-1)
    assert np.argwhere(is_changed).tolist() == [[2, O]]
    assert 0.1 < np.linalg.norm(found.positions[2, O] - positions[2, O]) < 1.5


def test_a_good_structure_stays_as_it_is(backbone):
    structure = backbone("AAAAAAAA")
    found, moved = separated(structure, seed=0)
    assert not len(moved)
    np.testing.assert_array_equal(found.positions, structure.positions)


def test_the_seed_decides_where_atoms_go(backbone):
    structure = backbone("AAAAAAAA")
    positions = structure.positions.copy()
    positions[2, O] = positions[0, CA]
    structure = replace(structure, positions=positions)
    first, again, other = (separated(structure, seed)[0].positions for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
