"""Bonds as features. That they are the released program's is held in test_af3.py."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.components import ComponentBond, Components
from foldwright.errors import InputError
from foldwright.features.af3.bonds import bond_features
from foldwright.features.af3.layout import table_of
from foldwright.features.af3.tokens import tokenise
from foldwright.io.complexes.job import AtomReference, ComplexJob, Ligand, Modification, Protein

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
ENTITIES = (Protein(("A",), "GNC", (Modification("SEP", 1),)), Ligand(("B", "C"), ("GOL",)), Ligand(("D",), ("MG",)))
# SEP has the tokens 0-9, N and C 10 and 11, the glycerols 12-17 and 18-23, magnesium 24.


@lru_cache
def components():
    return Components.read(ORACLES / "ccd_subset.json.gz")


@lru_cache
def table(entities=ENTITIES):
    return table_of(tokenise(ComplexJob("a", entities, (1,)), components()))


def bond(*atoms):
    return tuple(AtomReference(*atom) for atom in atoms)


def pairs(features, name):
    mask = features[f"{name}:gather_mask"]
    assert (mask[:, 0] == mask[:, 1]).all()
    return features[f"{name}:gather_idxs"][mask[:, 0]].tolist()


def test_bonds_of_atomised_residues_are_those_of_their_components_without_hydrogen():
    found = pairs(bond_features(table(), (), 30), "tokens_to_ligand_ligand_bonds")
    glycerol = [[0, 1], [0, 2], [2, 3], [2, 4], [4, 5]]
    assert [pair for pair in found if pair[0] >= 12] == [
        [i + start, j + start] for start in (12, 18) for i, j in glycerol
    ]
    assert len([pair for pair in found if pair[0] < 10]) == 9
    assert not any(10 <= i < 12 or 10 <= j < 12 for i, j in found)


def test_bonds_between_ligands_come_first_and_point_as_written():
    found = bond_features(table(), (bond(("C", 1, "O1"), ("B", 1, "C3")),), 30)
    assert pairs(found, "tokens_to_ligand_ligand_bonds")[0] == [19, 16]
    assert pairs(found, "tokens_to_polymer_ligand_bonds") == []
    assert found["layout:ligand_ligand_bonds/atom_name"].tolist() == [["O1", "C3"]]
    assert found["layout:ligand_ligand_bonds/chain_id"].tolist() == [["C", "B"]]
    assert "layout:polymer_ligand_bonds/chain_id" not in found


def test_a_bond_of_a_polymer_points_as_written_and_knows_its_atoms():
    for order, tokens in ((1, [11, 14]), (-1, [14, 11])):
        found = bond_features(table(), (bond(*[("A", 3, "SG"), ("B", 1, "C2")][::order]),), 30)
        assert pairs(found, "tokens_to_polymer_ligand_bonds") == [tokens]
        atoms = [11 * 24 + 5, 14 * 24][::order]
        assert pairs(found, "token_atoms_to_polymer_ligand_bonds") == [atoms]
        assert table().names.ravel()[atoms].tolist() == ["SG", "C2"][::order]


def test_a_metal_may_have_several_bonds():
    bonds = (bond(("A", 3, "SG"), ("D", 1, "MG")), bond(("A", 2, "OD1"), ("D", 1, "MG")))
    assert pairs(bond_features(table(), bonds, 30), "tokens_to_polymer_ligand_bonds") == [[11, 24], [10, 24]]


def test_a_modified_residue_is_bonded_by_its_alpha_carbon_whatever_atom_is():
    found = bond_features(table(), (bond(("A", 1, "P"), ("D", 1, "MG")),), 30)
    assert pairs(found, "tokens_to_polymer_ligand_bonds") == [[1, 24]]
    assert pairs(found, "token_atoms_to_polymer_ligand_bonds") == [[6 * 24, 24 * 24]]


def test_bonds_of_atoms_whose_names_begin_with_h_are_not_heard_of():
    """Mercury's name is HG, which the released program takes for a hydrogen."""
    glycerol = components()["GOL"]
    atoms = glycerol.atoms
    renamed = replace(atoms, names=("HG", *atoms.names[1:]), elements=("HG", *atoms.elements[1:]))
    bonds = tuple(
        ComponentBond(*("HG" if name == "C1" else name for name in (b.atom_1, b.atom_2)), b.order, b.is_aromatic)
        for b in glycerol.bonds
    )
    job = ComplexJob("a", (Ligand(("A",), ("GOL",)),), (1,))
    found = table_of(tokenise(job, {"GOL": replace(glycerol, atoms=renamed, bonds=bonds)}))
    assert found.names[0, 0] == "HG"
    assert pairs(bond_features(found, (), 10), "tokens_to_ligand_ligand_bonds") == [[2, 3], [2, 4], [4, 5]]


def test_padding_holds_no_bond():
    short, long = (bond_features(table(), (bond(("A", 3, "SG"), ("B", 1, "C2")),), size) for size in (25, 64))
    for name in ("tokens_to_polymer_ligand_bonds", "tokens_to_ligand_ligand_bonds"):
        assert pairs(short, name) == pairs(long, name)
    assert long["tokens_to_polymer_ligand_bonds:gather_idxs"].shape == (64, 2)
    assert long["tokens_to_ligand_ligand_bonds:gather_idxs"].shape == (640, 2)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        ((("A", 3, "SG"), ("A", 2, "ND2")), "between polymers"),
        ((("B", 1, "O1"), ("B", 1, "O3")), "within one residue"),
        ((("A", 3, "SG"), ("B", 1, "C9")), "no atom C9 of residue 1 in chain B"),
        ((("A", 2, "OXT"), ("B", 1, "C1")), "no atom OXT"),
        ((("A", 9, "SG"), ("B", 1, "C1")), "no atom SG of residue 9"),
        ((("Q", 1, "SG"), ("B", 1, "C1")), "in chain Q"),
        ((("A", 3, ""), ("B", 1, "C1")), "no atom"),
    ],
)
def test_what_cannot_be_told_to_the_network_is_refused(atoms, message):
    with pytest.raises(InputError, match=message) as caught:
        bond_features(table(), (bond(*atoms),), 30)
    assert caught.value.field == "bondedAtomPairs"


def test_more_bonds_than_there_is_room_for_are_refused():
    bonds = tuple(bond(("A", 3, "SG"), ("B", 1, "C2")) for _ in range(26))
    with pytest.raises(InputError, match="more than"):
        bond_features(table(), bonds, 25)
    assert np.all(bond_features(table(), bonds, 26)["tokens_to_polymer_ligand_bonds:gather_mask"])
