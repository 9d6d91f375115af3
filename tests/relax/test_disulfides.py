"""Which cysteines are taken to be bonded."""

from dataclasses import replace

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.relax.disulfides import Disulfide, find_disulfides

SG = ATOM_INDEX["SG"]


def with_sulphurs(structure, places):
    """Cysteines' sulphurs on a line."""
    positions, mask = structure.positions.copy(), structure.mask.copy()
    positions[: len(places), SG] = [[x, 0, 0] for x in places]
    mask[: len(places), SG] = 1
    return replace(structure, positions=positions, mask=mask)


def test_the_nearest_pair_comes_first_and_each_cysteine_once(backbone):
    structure = with_sulphurs(backbone("CCCC"), [0, 2.5, 4.5, 6.9])
    assert find_disulfides(structure, 3.0) == (Disulfide(1, 2),)


def test_pairs_are_found_within_the_distance_alone(backbone):
    structure = with_sulphurs(backbone("CCCC"), [0, 2.0, 10.0, 12.9])
    assert find_disulfides(structure, 3.0) == (Disulfide(0, 1), Disulfide(2, 3))
    assert find_disulfides(structure, 2.5) == (Disulfide(0, 1),)
    assert find_disulfides(structure, 0.0) == ()


def test_only_cysteines_with_a_sulphur_count(backbone):
    structure = with_sulphurs(backbone("CACC"), [0, 1.0, 2.0])
    assert find_disulfides(structure, 3.0) == (Disulfide(0, 2),)


def test_the_record_names_both_and_gives_lengths(backbone):
    before = with_sulphurs(backbone("C", "C", chain_ids=["A", "B"]), [0, 2.9])
    after = with_sulphurs(before, [0, 2.04])
    record = Disulfide(0, 1).record(before, after)
    assert record["residues"] == ["CYS A1", "CYS B1"]
    assert record["length"] == {"before": pytest.approx(2.9), "after": pytest.approx(2.04)}
    assert Disulfide(0, 1).length(before) == pytest.approx(float(np.float32(2.9)))
