"""The tables equal those of AlphaFold 2 (tests/oracles/af2/geometry/constants.npz, from residue_constants.py)."""

import numpy as np
import pytest

from foldwright.chem import atoms, bonds, residues, rigid_groups

TABLES = {
    "restype_atom37_to_rigid_group": rigid_groups.ATOM37_TO_RIGID_GROUP,
    "restype_atom37_mask": atoms.ATOM37_MASK,
    "restype_atom37_rigid_group_positions": rigid_groups.ATOM37_POSITIONS,
    "restype_atom14_to_rigid_group": rigid_groups.ATOM14_TO_RIGID_GROUP,
    "restype_atom14_mask": atoms.ATOM14_MASK,
    "restype_atom14_rigid_group_positions": rigid_groups.ATOM14_POSITIONS,
    "restype_rigid_group_default_frame": rigid_groups.RIGID_GROUP_FRAMES,
    "chi_angles_mask": rigid_groups.CHI_MASK[:20],
    "chi_pi_periodic": rigid_groups.CHI_IS_PI_PERIODIC,
    "chi_atom_indices_atom37": rigid_groups.CHI_ATOMS,
    "multimer_RESTYPE_RIGIDGROUP_BASE_ATOM37_IDX": rigid_groups.RIGID_GROUP_ATOMS,
    "multimer_RESTYPE_RIGIDGROUP_MASK": rigid_groups.RIGID_GROUP_MASK,
    "STANDARD_ATOM_MASK": atoms.ATOM37_MASK,
    "MAP_HHBLITS_AATYPE_TO_OUR_AATYPE": residues.HHBLITS_TO_RESTYPE,
    "multimer_RENAMING_MATRICES": atoms.ATOM14_RENAMING,
    "multimer_RESTYPE_ATOM14_TO_ATOM37": atoms.ATOM14_TO_ATOM37,
    "multimer_RESTYPE_ATOM37_TO_ATOM14": atoms.ATOM37_TO_ATOM14,
    "multimer_RESTYPE_ATOM14_MASK": atoms.ATOM14_MASK,
    "multimer_RESTYPE_ATOM37_MASK": atoms.ATOM37_MASK,
    "multimer_RESTYPE_ATOM14_IS_AMBIGUOUS": atoms.ATOM14_IS_AMBIGUOUS,
    "vdw_radius_by_atom37": atoms.ATOM37_VDW_RADIUS,
    "between_res_bond_length_c_n": bonds.C_N_LENGTH,
    "between_res_bond_length_stddev_c_n": bonds.C_N_LENGTH_STDDEV,
    "between_res_cos_angles_c_n_ca": (bonds.COS_C_N_CA, bonds.COS_C_N_CA_STDDEV),
    "between_res_cos_angles_ca_c_n": (bonds.COS_CA_C_N, bonds.COS_CA_C_N_STDDEV),
    "ca_ca": bonds.CA_CA_DISTANCE,
}


@pytest.mark.parametrize("name", TABLES)
def test_table_equals_deepmind(name, oracle):
    expected = oracle("geometry/constants.npz")[name]
    assert expected.std() > 0 or expected.ndim == 0
    np.testing.assert_array_equal(TABLES[name], expected)


@pytest.mark.parametrize(("prefix", "factor"), [("", 12.0), ("tol15_", 15.0)])
def test_distance_bounds_equal_deepmind(prefix, factor, oracle):
    constants = oracle("geometry/constants.npz")
    bounds = bonds.atom14_distance_bounds(bond_length_tolerance_factor=factor)
    for name, ours in zip(("lower_bound", "upper_bound", "stddev"), bounds, strict=True):
        np.testing.assert_array_equal(ours, constants[f"atom14_dists_{prefix}{name}"])


def test_names_and_orders_equal_deepmind(oracle):
    constants = oracle("geometry/constants.npz")
    assert list(atoms.ATOM_TYPES) == list(constants["atom_types"])
    assert list(residues.RESTYPES) == list(constants["restypes"])


def test_ideal_bonds_have_their_tabulated_length():
    """Atoms of one rigid group and the bonds between them come from different tables of different origin."""
    checked = 0
    for row, residue in enumerate(residues.RESTYPE_NAMES):
        for bond in bonds.residue_bonds()[residue]:
            pair = [atoms.ATOM_INDEX[name] for name in bond.atoms]
            if len(set(rigid_groups.ATOM37_TO_RIGID_GROUP[row, pair])) == 1:
                a, b = rigid_groups.ATOM37_POSITIONS[row, pair]
                assert abs(np.linalg.norm(a - b) - bond.length) < 3 * bond.stddev
                checked += 1
    assert checked > 60


def test_every_group_hangs_on_its_axis_atom():
    """The origin of a chi group is the third atom of the torsion, and its frame is a rotation."""
    for row in range(20):
        for chi in np.flatnonzero(rigid_groups.CHI_MASK[row]):
            frame = rigid_groups.RIGID_GROUP_FRAMES[row, 4 + chi]
            axis_end = rigid_groups.ATOM37_POSITIONS[row, rigid_groups.CHI_ATOMS[row, chi, 2]]
            np.testing.assert_allclose(frame[:3, 3], axis_end)
            np.testing.assert_allclose(frame[:3, :3] @ frame[:3, :3].T, np.eye(3), atol=1e-6)
            assert np.linalg.det(frame[:3, :3]) > 0


def test_renaming_twice_changes_nothing_and_moves_four_residue_types():
    twice = atoms.ATOM14_RENAMING @ atoms.ATOM14_RENAMING
    np.testing.assert_array_equal(twice, np.tile(np.eye(14), (21, 1, 1)))
    moved = {residues.RESTYPE_NAMES[row] for row in np.flatnonzero(atoms.ATOM14_IS_AMBIGUOUS.any(-1))}
    assert moved == {"ASP", "GLU", "PHE", "TYR"}


def test_sequences_become_residue_types_and_back():
    types = residues.sequence_to_aatype("ARNDCQEGHILKMFPSTWYVXBZ*a")
    assert types.tolist() == [*range(20), 20, 20, 20, 20, 20]
    assert residues.aatype_to_sequence(types[:21]) == "ARNDCQEGHILKMFPSTWYVX"


def test_alignment_letters_stand_for_what_they_may_mean():
    letters = {"B": "D", "Z": "E", "U": "C", "J": "X", "O": "X", "-": "-", "X": "X", "V": "V"}
    assert {k: residues.MSA_LETTERS[residues.MSA_INDEX[k]] for k in letters} == letters
