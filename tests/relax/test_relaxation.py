"""Relaxation as a whole: what it mends, what it keeps, what it refuses by name."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM37_MASK, ATOM_INDEX, ATOM_TYPES
from foldwright.errors import InputError
from foldwright.io.structure_files import read_structure
from foldwright.relax.relaxation import relax_structure

RING = ("CG", "CD1", "CD2", "CE1", "CE2", "CZ")
TESTDATA = Path(__file__).parents[3] / "shared/data/predictions/alphafold2_testdata/alphafold/relax/testdata"
CA, CB, OXT, SG = (ATOM_INDEX[name] for name in ("CA", "CB", "OXT", "SG"))


def moved(structure, residue, atoms, by):
    """The structure with some atoms of one residue moved by a vector."""
    positions = structure.positions.copy()
    positions[residue, [ATOM_INDEX[name] for name in atoms]] += by
    return replace(structure, positions=positions)


def test_missing_atoms_are_added_and_named(peptide):
    structure, added = peptide.structure, peptide.record["added"]
    wanted = ATOM37_MASK[structure.aatype].copy()
    wanted[-1, OXT] = 1
    np.testing.assert_array_equal(structure.mask, wanted)
    assert added["LEU A4"] == ["CB", "CG", "CD1", "CD2"]
    assert added["GLU A10"][-1] == "OXT"
    assert "GLY A1" not in added
    assert peptide.record["mirrored"] == {"before": [], "after": []}


def test_the_result_has_no_violations_and_has_hardly_moved(peptide):
    assert peptide.unresolved == []
    assert peptide.record["violations"]["after"]["residues"] == 0
    assert 0.01 < peptide.record["displacement"]["rmsd"] < 0.5
    assert peptide.record["energy"]["after"] < peptide.record["energy"]["before"]


def test_b_factors_stay_and_new_atoms_have_that_of_their_residue(peptide, backbone):
    plddt = backbone("GCALHFPKCE").residue_b_factors
    np.testing.assert_allclose(peptide.structure.b_factors, plddt[:, None] * peptide.structure.mask)


def test_the_record_can_be_written_as_json(peptide):
    assert json.loads(json.dumps(peptide.record, allow_nan=False)) == peptide.record


def test_the_same_input_gives_the_same_bytes(peptide, options, backbone):
    again = relax_structure(backbone("GCALHFPKCE"), options)
    assert again.structure.positions.tobytes() == peptide.structure.positions.tobytes()
    assert again.record == peptide.record


def test_a_clash_is_mended_and_reported(peptide, options):
    to_next = peptide.structure.positions[5, CA] - peptide.structure.positions[1, SG]
    clashing = moved(peptide.structure, 1, ["SG"], 0.7 * to_next)
    found = relax_structure(clashing, options)
    assert "CYS A2" in found.record["violations"]["before"]["within_residue"]
    assert found.unresolved == []


def test_atoms_in_one_place_are_pushed_apart(peptide, options):
    here, there = (peptide.structure.positions[3, ATOM_INDEX[name]] for name in ("CD1", "CD2"))
    found = relax_structure(moved(peptide.structure, 3, ["CD1"], there - here), options)
    assert found.record["separated"] == ["LEU A4"]
    assert found.unresolved == []


def test_a_gap_stays_a_gap_and_its_ends_are_not_written(peptide, options):
    mask = peptide.structure.mask.copy()
    mask[4:6] = 0
    found = relax_structure(replace(peptide.structure, mask=mask), options)
    assert found.record["gaps_before"] == ["PRO A7"]
    np.testing.assert_array_equal(found.structure.mask, mask)
    np.testing.assert_array_equal(found.structure.positions[4:6], peptide.structure.positions[4:6])


def test_a_residue_between_gaps_is_left_alone(peptide, options):
    mask = peptide.structure.mask.copy()
    mask[[3, 5]] = 0
    found = relax_structure(replace(peptide.structure, mask=mask), options)
    assert found.record["left_alone"] == ["HIS A5"]
    np.testing.assert_array_equal(found.structure.positions[4], peptide.structure.positions[4])
    assert not np.array_equal(found.structure.positions[2], peptide.structure.positions[2])


def test_a_disulfide_is_found_and_kept(options, backbone, turn):
    """Two helices whose only cysteines are laid beside each other."""
    pair = relax_structure(backbone("ACA", "ACA", chain_ids=["A", "long"]), options).structure
    positions = pair.positions.copy()
    outward = pair.positions[1, SG] - pair.positions[1, CA]
    outward /= np.linalg.norm(outward)
    positions[3:] = turn(positions[3:], pair.positions[4, SG], pair.positions[4, CA], outward)
    positions[3:] += pair.positions[1, SG] + 2.6 * outward
    found = relax_structure(replace(pair, positions=positions * pair.mask[..., None]), options)
    (bond,) = found.record["disulfides"]
    assert bond["residues"] == ["CYS A2", "CYS long2"]
    assert bond["length"]["before"] == pytest.approx(2.6, abs=0.01)
    assert bond["length"]["after"] == pytest.approx(2.04, abs=0.15)  # 2.038 in Amber99SB; springs pull
    apart = relax_structure(found.structure, replace(options, disulfide=0.0))
    assert apart.record["disulfides"] == []
    assert np.linalg.norm(apart.structure.positions[4, SG] - apart.structure.positions[1, SG]) > 2.5


def test_a_bond_through_a_ring_gets_out(options, backbone, turn):
    """A lysine's side chain is laid through the ring of a phenylalanine, where the force field is at rest."""
    pair = relax_structure(backbone("AFA", "AKA"), options).structure
    ring = pair.positions[1, [ATOM_INDEX[name] for name in RING]]
    normal = np.cross(ring[1] - ring[0], ring[2] - ring[0])
    start, end = (pair.positions[4, ATOM_INDEX[name]] for name in ("CD", "CE"))
    positions = pair.positions.copy()
    positions[3:] = turn(positions[3:], (start + end) / 2, end, normal) + ring.mean(0)
    found = relax_structure(replace(pair, positions=positions * pair.mask[..., None]), options)
    assert {"PHE A2", "LYS B2"} <= set(found.record["violations"]["before"]["clashes"])
    rounds = found.record["rounds"]
    assert found.unresolved == []
    assert any({"PHE A2", "LYS B2"} <= set(item["softened"]) for item in rounds), rounds


def test_selenomethionine_keeps_its_name(options, backbone):
    names = np.array(["ALA", "MSE", "ALA"])
    found = relax_structure(replace(backbone("AMA"), residue_names=names), options)
    assert found.structure.residue_names.tolist() == names.tolist()
    assert found.record["taken_for_parents"] == ["MSE A2"]
    assert found.structure.mask[1, ATOM_TYPES.index("SD")] == 1


def test_modified_residues_are_refused_by_name_or_taken_for_their_parents(options, backbone):
    phospho = replace(backbone("ASA"), residue_names=np.array(["ALA", "SEP", "ALA"]))
    with pytest.raises(InputError, match=r"no parameters for SEP A2.*--take-parents"):
        relax_structure(phospho, options)
    found = relax_structure(phospho, replace(options, takes_parents=True))
    assert found.structure.residue_names.tolist() == ["ALA", "SER", "ALA"]


def test_unknown_residues_are_refused_by_name(options, backbone):
    with pytest.raises(InputError, match="no parameters for UNK A2"):
        relax_structure(backbone("AXA"), options)


def test_residues_without_a_backbone_are_refused_by_name(options, backbone):
    structure = backbone("AAA")
    mask = structure.mask.copy()
    mask[1, ATOM_INDEX["C"]] = 0
    with pytest.raises(InputError, match="N, CA or C is missing in ALA A2"):
        relax_structure(replace(structure, mask=mask), options)


def test_places_that_are_not_numbers_are_refused_by_name(options, backbone):
    structure = backbone("AAA")
    positions = structure.positions.copy()
    positions[2, CA, 0] = np.nan
    with pytest.raises(InputError, match="no finite place has ALA A3"):
        relax_structure(replace(structure, positions=positions), options)


def test_a_structure_without_atoms_is_refused(options, backbone):
    structure = backbone("AAA")
    with pytest.raises(InputError, match="no residue has any atom"):
        relax_structure(replace(structure, mask=np.zeros_like(structure.mask)), options)


def test_a_heap_of_atoms_is_refused_by_name(options, backbone):
    structure = backbone("AAAAAAAA")
    with pytest.raises(InputError, match="31 of 32 atoms lie upon others, in ALA A1"):
        relax_structure(replace(structure, positions=structure.positions * 1e-6), options)


def test_what_cannot_be_mended_is_named(peptide, options):
    """A peptide bond of 40 Å within one round and a few steps."""
    torn = peptide.structure.positions.copy()
    torn[5:] += [40, 0, 0]
    torn *= peptide.structure.mask[..., None]
    found = relax_structure(
        replace(peptide.structure, positions=torn), replace(options, max_rounds=2, max_steps=5, stiffness=1e4)
    )
    assert set(found.unresolved) >= {"HIS A5", "PHE A6"} or found.record["rounds"][-1]["violations"] > 0
    assert len(found.record["rounds"]) == 2
    assert found.record["rounds"][1]["released"]


def test_it_gives_up_when_rounds_bring_nothing_and_reports_each(peptide, options):
    """Held where it is torn, one step a round: nothing can change."""
    torn = peptide.structure.positions.copy()
    torn[5:] += [40, 0, 0]
    torn *= peptide.structure.mask[..., None]
    heard = []
    found = relax_structure(
        replace(peptide.structure, positions=torn), replace(options, patience=2, max_steps=1), heard.append
    )
    left = [item["violations"] for item in found.record["rounds"]]
    assert len(left) == len(heard) < options.max_rounds
    assert min(left[:-2]) <= min(left[-2:]) > 0
    assert str(heard[0]) == f"round 1: {left[0]} residues with violations left"


def test_a_platform_that_is_not_there_is_refused(options, backbone):
    with pytest.raises(InputError, match="cannot use HIP"):
        relax_structure(backbone("AAA"), replace(options, platform="HIP"))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ["with_violations", "with_violations_casp14", "multiple_disulfides_target"])
def test_violations_of_predictions_vanish(name, options):
    """AlphaFold 2's own test data: violations gone, atoms hardly moved, disulfides kept."""
    structure = read_structure(TESTDATA / f"{name}.pdb.gz")
    found = relax_structure(structure, options)
    assert found.record["violations"]["before"]["residues"] > 0
    assert found.unresolved == []
    assert found.record["displacement"]["rmsd"] < 0.7  # in one of them two side chains have to leave rings
    assert found.record["displacement"]["rmsd_ca"] < 0.4
    assert all(1.9 < bond["length"]["after"] < 2.2 for bond in found.record["disulfides"])
    if name == "multiple_disulfides_target":
        assert len(found.record["disulfides"]) == 13
