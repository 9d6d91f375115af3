"""Residues and tokens of complexes; components are those of oracles/af3/ccd_subset.json.gz, cut from the CCD."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3.tokens import residue_codes, tokenise
from foldwright.io.complexes.job import DNA, RNA, AtomReference, ComplexJob, Ligand, Modification, Protein

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"


@lru_cache
def components() -> Components:
    return Components.read(ORACLES / "ccd_subset.json.gz")


def chains_of(*entities, bonds=()):
    return tokenise(ComplexJob("a", entities, (1,), bonds), components())


def names(residue):
    """Of its atoms, token by token."""
    return [" ".join(filter(None, token)) for token in residue.tokens]


def test_a_residue_is_one_token_and_keeps_the_terminal_oxygen_at_the_end_alone():
    first, _, last = chains_of(Protein(("A",), "SGS"))[0].residues
    assert names(first) == ["N CA C O CB OG"]
    assert names(last) == ["N CA C O CB OG OXT"]
    assert first.tokens[0][6] == ""
    assert (first.restype, first.letter, first.number) == (15, "S", 1)


@pytest.mark.parametrize(("entity", "restype"), [(RNA(("A",), "GA"), 23), (DNA(("A",), "GA"), 27)])
def test_a_nucleotide_has_the_third_phosphate_oxygen_at_the_start_alone(entity, restype):
    first, last = chains_of(entity)[0].residues
    assert first.tokens[0][:2] == ("OP3", "P")
    assert last.tokens[0][:2] == ("", "P")
    assert first.restype == restype
    assert first.tokens[0][first.centre(0)] == "C1'"


def test_pseudo_betas_are_those_of_the_kind_of_residue():
    chains = chains_of(Protein(("A",), "GA"), RNA(("B",), "GACU"), DNA(("C",), "GACT"), Ligand(("D",), ("GOL",)))
    found = [[r.tokens[0][r.pseudo_beta(0)] for r in chain.residues] for chain in chains]
    assert found == [["CA", "CB"], ["C4", "C4", "C2", "C2"], ["C4", "C4", "C2", "C2"], ["C1"]]


def test_a_modified_residue_is_a_token_for_each_atom_and_has_its_parents_type():
    modified = chains_of(Protein(("A",), "GSG", (Modification("SEP", 2),)))[0].residues[1]
    assert names(modified) == ["N", "CA", "CB", "OG", "C", "O", "P", "O1P", "O2P", "O3P"]
    assert (modified.code, modified.restype, modified.letter) == ("SEP", 15, "S")
    assert {modified.centre(part) for part in range(10)} == {0}


def test_selenomethionine_stays_one_token_with_its_slots_where_the_dictionary_has_them():
    residue = chains_of(Protein(("A",), "MG", (Modification("MSE", 1),)))[0].residues[0]
    assert residue.tokens[0][:9] == ("N", "CA", "C", "O", "", "CB", "CG", "SE", "CE")
    assert residue.elements[0][7] == "SE"
    assert residue.restype == 12


def test_an_unknown_residue_has_the_atoms_of_glycine():
    first, last = chains_of(Protein(("A",), "XX"))[0].residues
    assert (names(first), names(last)) == (["N CA C O"], ["N CA C O OXT"])
    assert (first.restype, first.letter) == (20, "X")
    assert [r.restype for r in chains_of(RNA(("A",), "NT"))[0].residues] == [30, 30]
    assert residue_codes(DNA(("A",), "NUT"), "A") == ("DN", "DN", "DT")


def test_a_letter_of_no_amino_acid_is_kept_for_alignments():
    chain = chains_of(Protein(("A",), "GUG"))[0]
    assert chain.sequence == "GUG"
    assert (chain.residues[1].code, chain.residues[1].restype) == ("UNK", 20)


def test_chains_of_the_same_residues_are_copies_whatever_entity_they_were_written_in():
    chains = chains_of(Protein(("C", "A"), "GAS"), Protein(("B",), "GAG"), Protein(("AA",), "GAS"))
    assert [(c.id, c.number, c.entity_number, c.copy_number) for c in chains] == [
        ("A", 1, 1, 1),
        ("B", 2, 2, 1),
        ("C", 3, 1, 2),
        ("AA", 4, 1, 3),
    ]


def test_a_modification_makes_another_entity():
    chains = chains_of(Protein(("A",), "GAS"), Protein(("B",), "GAS", (Modification("SEP", 3),)))
    assert [chain.entity_number for chain in chains] == [1, 2]


def test_glycans_lose_the_oxygen_by_which_they_are_bonded_and_other_ligands_nothing():
    sugars, lonely, glycerol = chains_of(
        Ligand(("A",), ("NAG", "NAG")), Ligand(("B",), ("NAG",)), Ligand(("C",), ("GOL",))
    )
    assert [len(r.tokens) for r in sugars.residues] == [14, 14]
    assert "O1" not in lonely.residues[0].atoms
    assert "O1" in glycerol.residues[0].atoms
    assert (sugars.mmcif_type, lonely.mmcif_type) == ("branched", "non-polymer")


def test_a_glycan_that_is_bonded_at_that_oxygen_keeps_it():
    bond = (AtomReference("A", 1, "O1"), AtomReference("B", 1, "C1"))
    chains = chains_of(Ligand(("A",), ("NAG",)), Ligand(("B",), ("GOL",)), bonds=(bond,))
    assert "O1" in chains[0].residues[0].atoms


def test_ligands_of_smiles_are_called_after_their_chains_and_are_each_an_entity():
    pytest.importorskip("rdkit")
    chains = chains_of(Ligand(("B", "A"), smiles="OCC(Cl)=O"))
    assert [chain.residues[0].code for chain in chains] == ["LIG_A", "LIG_B"]
    assert [chain.entity_number for chain in chains] == [1, 2]
    assert chains[0].residues[0].atoms == ("O1", "C1", "C2", "CL1", "O2")
    assert [token[0] for token in chains[0].residues[0].elements] == ["O", "C", "C", "Cl", "O"]


def test_hydrogens_are_no_tokens():
    residue = chains_of(Ligand(("A",), ("GOL",)))[0].residues[0]
    assert len(residue.tokens) == 6
    assert len(residue.component.atoms) == 14


def test_a_component_that_nobody_knows_is_refused_by_chain():
    with pytest.raises(InputError, match="chain B holds QQQ"):
        chains_of(Ligand(("A",), ("GOL",)), Ligand(("B",), ("QQQ",)))


@pytest.mark.parametrize("name", ["C1234", "c1", ""])
def test_names_that_the_network_cannot_read_are_refused(name):
    glycerol = components()["GOL"]
    atoms = replace(glycerol.atoms, names=(name, *glycerol.atoms.names[1:]))
    known = {"GOL": replace(glycerol, atoms=atoms, bonds=())}
    with pytest.raises(InputError, match="GOL has an atom called"):
        tokenise(ComplexJob("a", (Ligand(("A",), ("GOL",)),), (1,)), known)


def test_a_component_of_hydrogen_alone_is_refused():
    proton = components()["GOL"]
    is_hydrogen = np.array(proton.atoms.elements) == "H"
    atoms = replace(
        proton.atoms,
        names=tuple(np.array(proton.atoms.names)[is_hydrogen].tolist()),
        elements=("H",) * int(is_hydrogen.sum()),
        charges=proton.atoms.charges[is_hydrogen],
        ideal=proton.atoms.ideal[is_hydrogen],
        model=proton.atoms.model[is_hydrogen],
        is_leaving=proton.atoms.is_leaving[is_hydrogen],
    )
    with pytest.raises(InputError, match="no atom but hydrogen"):
        tokenise(ComplexJob("a", (Ligand(("A",), ("H",)),), (1,)), {"H": replace(proton, atoms=atoms, bonds=())})
