"""Ligands after prediction: each kind of fault is found where it was made, and nowhere else."""

import json

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.chem.conformers import component_of_smiles, conformer
from foldwright.io.complexes.job import AtomReference
from foldwright.io.complexes.structure import PROTEIN, ComplexStructure
from foldwright.metrics.ligand_checks import ligand_checks

pytest.importorskip("rdkit")
pytest.importorskip("biotite")


@pytest.fixture(scope="module")
def components():
    smiles = component_of_smiles("C[C@H](O)C(=O)O", "LIG_E")
    codes = ("CYS", "NAG", "ZN", "SAM")
    return {code: Components.bundled()[code] for code in codes} | {"LIG_E": smiles}


def _structure(components, *parts):
    """Residues (chain, number, code) in conformers, 20 angstrom apart."""
    columns, places = [], []
    for k, (chain, number, code) in enumerate(parts):
        found = conformer(components[code], 3)
        kind = PROTEIN if code == "CYS" else "non-polymer"
        for name, element, position in zip(found.names, found.elements, found.positions, strict=True):
            if element != "H":
                columns.append((name, element, code, number, chain, kind))
                places.append(position + np.array([20 * k, 0, 0]))
    names, elements, codes, numbers, chains, kinds = (np.array(column) for column in zip(*columns, strict=True))
    return ComplexStructure(
        atom_names=names,
        elements=elements,
        residue_names=codes,
        residue_ids=numbers,
        chain_ids=chains,
        chain_types=kinds,
        positions=np.array(places, np.float32),
        b_factors=np.zeros(len(names), np.float32),
    )


PARTS = (("A", 1, "CYS"), ("L", 1, "NAG"), ("L", 2, "NAG"), ("M", 1, "ZN"), ("S", 1, "SAM"), ("E", 1, "LIG_E"))


@pytest.fixture
def structure(components):
    return _structure(components, *PARTS)


def _at(structure, chain, residue, name):
    found = (structure.chain_ids == chain) & (structure.residue_ids == residue) & (structure.atom_names == name)
    return int(np.flatnonzero(found)[0])


def _move(structure, atom, position):
    structure.positions[_at(structure, *atom)] = position


def test_conformers_apart_are_sound(components, structure):
    checks = {check.chain: check for check in ligand_checks(structure, components)}
    assert list(checks) == ["L", "M", "S", "E"]
    assert all(check.is_sound for check in checks.values())
    assert checks["L"].codes == ("NAG", "NAG")
    assert {chain: check.chirality_total for chain, check in checks.items()} == {"L": 10, "M": 0, "S": 6, "E": 1}
    assert {chain: check.bonds_total for chain, check in checks.items()} == {"L": 30, "M": 0, "S": 29, "E": 5}
    assert checks["L"].chirality_ok == 10


def test_a_mirrored_ligand_has_every_centre_wrong(components, structure):
    own = structure.chain_ids == "S"
    structure.positions[own] *= [-1, 1, 1]
    check = next(check for check in ligand_checks(structure, components) if check.chain == "S")
    assert (check.chirality_ok, check.chirality_total) == (0, 6)
    assert not check.bond_outliers
    others = [check for check in ligand_checks(structure, components) if check.chain != "S"]
    assert all(check.is_sound for check in others)


def test_one_exchanged_pair_of_atoms_is_one_wrong_centre(components, structure):
    hydroxyl, methyl = (_at(structure, "E", 1, name) for name in ("O1", "C1"))
    structure.positions[[hydroxyl, methyl]] = structure.positions[[methyl, hydroxyl]]
    check = next(check for check in ligand_checks(structure, components) if check.chain == "E")
    assert check.wrong_centres == (AtomReference("E", 1, "C2"),)


def test_a_stretched_bond_is_named_with_its_lengths(components, structure):
    atom, partner = (_at(structure, "L", 2, name) for name in ("O7", "C7"))
    towards = structure.positions[atom] - structure.positions[partner]
    structure.positions[atom] += 0.4 * towards
    check = ligand_checks(structure, components)[0]
    (bond,) = check.bond_outliers
    assert {bond.atom_1.atom, bond.atom_2.atom} == {"O7", "C7"}
    assert bond.atom_1.residue == 2
    assert bond.length == pytest.approx(1.4 * bond.expected, abs=0.15)


def test_clashes_name_both_atoms_and_excuse_what_is_bonded(components, structure):
    sulphur, carbon = (structure.positions[_at(structure, "A", 1, name)] for name in ("SG", "CB"))
    away = (sulphur - carbon) / np.linalg.norm(sulphur - carbon)
    _move(structure, ("M", 1, "ZN"), sulphur + 2.3 * away)  # a metal may be as near as it binds
    check = next(check for check in ligand_checks(structure, components) if check.chain == "M")
    assert check.is_sound
    _move(structure, ("M", 1, "ZN"), sulphur + 1.0 * away)
    check = next(check for check in ligand_checks(structure, components) if check.chain == "M")
    assert AtomReference("A", 1, "SG") in [clash.other for clash in check.clashes]
    assert check.clashing_chains["A"] == len(check.clashes)
    assert check.clashes[0].distance < check.clashes[-1].allowed


def test_a_bond_of_the_job_is_measured_and_is_no_clash(components, structure):
    ends = AtomReference("A", 1, "SG"), AtomReference("S", 1, "CE")
    shift = structure.positions[_at(structure, "A", 1, "SG")] + np.array([0, 0, 1.8], np.float32)
    structure.positions[structure.chain_ids == "S"] += shift - structure.positions[_at(structure, "S", 1, "CE")]
    bare, bonded = (
        next(check for check in ligand_checks(structure, components, bonds) if check.chain == "S")
        for bonds in ((), [ends])
    )
    assert ends in [(clash.other, clash.atom) for clash in bare.clashes]
    assert ends not in [(clash.other, clash.atom) for clash in bonded.clashes]
    assert bonded.bonds_total == bare.bonds_total + 1
    assert not bonded.bond_outliers
    structure.positions[structure.chain_ids == "S"] += np.array([0, 0, 5], np.float32)
    broken = next(check for check in ligand_checks(structure, components, [ends]) if check.chain == "S")
    assert len(broken.bond_outliers) == 1


def test_atoms_that_left_are_not_missed(components, structure):
    kept = structure.take(structure.atom_names != "O1")
    check = ligand_checks(kept, components)[0]
    assert check.is_sound
    assert check.bonds_total == 28
    assert check.chirality_total == 8  # the anomeric carbons have two heavy neighbours left


def test_a_ligand_that_lies_in_itself_is_a_clash(components, structure):
    _move(
        structure, ("S", 1, "N6"), structure.positions[_at(structure, "S", 1, "CB")] + np.array([0.5, 0, 0], np.float32)
    )
    check = next(check for check in ligand_checks(structure, components) if check.chain == "S")
    assert {"S"} == set(check.clashing_chains)


def test_the_record_is_json_and_holds_what_is_wrong(components, structure):
    structure.positions[structure.chain_ids == "S"] = np.nan
    records = [check.record() for check in ligand_checks(structure, components)]
    text = json.dumps(records)
    assert len(json.loads(text)) == 4
    bad = next(record for record in records if record["chain"] == "S")
    assert bad["num_bond_outliers"] == 29
    assert len(bad["bond_outliers"]) == 20
    assert not bad["is_sound"]
