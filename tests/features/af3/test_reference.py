"""Conformers put in place by chance, and what their atoms are."""

import os
import signal
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.chem.conformers import Conformer
from foldwright.features.af3 import reference as af3_reference
from foldwright.features.af3.layout import table_of
from foldwright.features.af3.reference import (
    Draw,
    conformers,
    draws,
    frames_mask,
    name_characters,
    reference_features,
    residues_of,
)
from foldwright.features.af3.tokens import tokenise
from foldwright.io.complexes.job import RNA, ComplexJob, Ligand, Protein

pytest.importorskip("rdkit", reason="conformers need RDKit")

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"


@lru_cache
def components():
    return Components.read(ORACLES / "ccd_subset.json.gz")


def table(*entities):
    return table_of(tokenise(ComplexJob("a", entities, (1,)), components()))


@lru_cache
def mixed():
    ligands = (Ligand(("B",), ("SO4",)), Ligand(("C",), ("ZN",)), Ligand(("D",), smiles="C[N+](C)(C)C"))
    return table(Protein(("A",), "GXD"), *ligands, RNA(("E",), "G"))


@lru_cache
def drawn(seed=7, threads=1):
    return conformers(residues_of(mixed()), seed, threads)


def test_a_place_is_a_turn_and_a_move_of_the_centred_conformer():
    generator = np.random.default_rng(3)
    positions = generator.normal(size=(6, 3)) + 100
    shift = np.array([1.0, 2.0, 3.0])
    placed = Draw(1, generator.normal(size=(2, 3)), shift).place(positions)
    np.testing.assert_allclose(placed.mean(axis=0), shift, atol=1e-4)
    centred = (positions - positions.mean(axis=0), placed - shift)
    turn = np.linalg.lstsq(*centred, rcond=None)[0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-4)
    assert np.abs(turn - np.eye(3)).max() > 0.1


def test_ctrl_c_is_heard_after_conformers_were_made_on_several_threads():
    """RDKit listens to it while it embeds, and threads hand it back to each other."""
    drugs = [Ligand((f"A{i}",), smiles="CC(C)Cc1ccc(cc1)C(C)C(=O)O" + "C" * i) for i in range(8)]
    conformers(residues_of(table(*drugs)), seed=1, threads=8)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_every_residue_has_a_draw_of_its_own_and_the_same_for_the_same_seed():
    first, second, other = (draws(residues_of(mixed()), seed) for seed in (7, 7, 8))
    assert [draw.seed for draw in first] == [draw.seed for draw in second]
    assert len({draw.seed for draw in first}) == len(first) == 7
    assert first[0].seed != other[0].seed


def test_a_component_that_is_no_molecule_asks_for_no_seed():
    """RDKit refuses nitrogens of four bonds: the porphyrin's, of oracles/af3/inputs/odd.json."""
    zinc_first, porphyrin_first = (
        draws(residues_of(table(*(Ligand((name,), (code,)) for name, code in zip("AB", order, strict=True)))), 1)
        for order in (("ZN", "7BU"), ("7BU", "ZN"))
    )
    generator = np.random.RandomState(1)
    assert porphyrin_first[0].seed == 0
    np.testing.assert_array_equal(porphyrin_first[0].axes, generator.normal(size=(2, 3)))
    assert zinc_first[0].seed != 0
    assert zinc_first[1].seed == 0


@pytest.mark.parametrize(
    ("missing", "modified", "source"),
    [
        ((), "2026-01-01", "ideal"),
        ((0,), "2020-01-01", "model"),
        ((0,), "2026-01-01", "ideal"),
        (range(99), None, "none"),
    ],
)
def test_what_is_no_molecule_has_the_dictionarys_coordinates_and_zeros_where_it_has_none(missing, modified, source):
    """Model coordinates count only if the entry is older than the structures that AlphaFold 3 was trained on."""
    component = components()["7BU"]
    ideal = component.atoms.ideal.copy()
    ideal[list(missing)[: len(ideal)]] = np.nan
    changed = replace(
        component,
        atoms=replace(component.atoms, ideal=ideal),
        modified=None if modified is None else date.fromisoformat(modified),
    )
    found = af3_reference.conformer(changed, 1)
    expected = np.nan_to_num(component.atoms.model if source == "model" else ideal)
    assert found.source == source
    np.testing.assert_array_equal(found.positions, expected)


def test_threads_change_nothing():
    for one, two in zip(drawn(threads=1), drawn(threads=3), strict=True):
        np.testing.assert_array_equal(one.positions, two.positions)


def test_atoms_are_what_they_are():
    features = reference_features(mixed(), drawn(), 20)
    names = mixed().names
    of = {name: features[name][: len(mixed())] for name in features}
    is_zinc = names == "ZN"
    assert of["ref_element"][is_zinc].tolist() == [30]
    assert of["ref_charge"][is_zinc].tolist() == [2]
    assert of["ref_charge"][names == "N1"].tolist() == [1, 0]  # of the SMILES and of guanine
    assert of["ref_element"][~mixed().is_atom].max() == 0
    assert (features["ref_mask"].sum(), features["ref_mask"].shape) == (mixed().num_atoms, (20, 24))
    assert of["ref_space_uid"][:, 0].tolist() == mixed().space.tolist()


def test_positions_are_those_of_the_conformer_by_name():
    features = reference_features(mixed(), drawn(), 20)
    for number, (residue, found) in enumerate(zip(residues_of(mixed()), drawn(), strict=True)):
        of_token = np.flatnonzero(mixed().space == number)
        for name in residue.atoms:
            at = np.argwhere(mixed().names[of_token] == name)[0]
            position = found.positions[found.names.index(name)]
            np.testing.assert_allclose(features["ref_pos"][of_token[at[0]], at[1]], position, atol=1e-6)
    assert (features["ref_pos"][~features["ref_mask"]] == 0).all()


def test_names_are_written_in_numbers():
    characters = name_characters(np.array([["C1'", ""], ["OP1", "H123"]]))
    assert characters.tolist() == [[[35, 17, 7, 0], [0, 0, 0, 0]], [[47, 48, 17, 0], [40, 17, 18, 19]]]


def test_only_ligands_of_one_or_two_atoms_or_of_atoms_in_line_have_no_frame():
    found = table(
        Protein(("A",), "G"), Ligand(("B",), ("ZN",)), Ligand(("C",), ("SO4",)), Ligand(("D",), smiles="O=C=O")
    )
    assert frames_mask(found).tolist() == [True] + [False] + [True] * 5 + [False] * 3


def test_frames_are_the_same_for_all_seeds_and_false_where_all_atoms_are_in_one_place(monkeypatch):
    """As for a component of which nobody knows coordinates."""
    seeds = []

    def nowhere(component, seed):
        seeds.append(seed)
        atoms = component.atoms
        return Conformer(atoms.names, atoms.elements, atoms.charges, np.zeros((len(atoms), 3)), "none")

    monkeypatch.setattr(af3_reference, "conformer", nowhere)
    found = table(Protein(("A",), "G"), Ligand(("B",), ("SO4",)))
    assert frames_mask(found).tolist() == [True] + [False] * 5
    assert frames_mask(replace(found)).tolist() == [True] + [False] * 5
    assert len(seeds) == 2
    assert len(set(seeds)) == 1
