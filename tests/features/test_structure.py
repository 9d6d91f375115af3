"""Frames, torsions and labels from atoms, against the released program (oracles: geometry/*.npz, float64)."""

import numpy as np
import pytest
import torch

from foldwright.features import structure


def read(case, dtype=torch.float64):
    return (
        torch.as_tensor(case["in/aatype"]),
        torch.as_tensor(case["in/pos"], dtype=dtype),
        torch.as_tensor(case["in/mask"], dtype=dtype),
    )


def flat12(frames):
    """The released layout: rotation by rows, then the origin."""
    return torch.cat([frames.rotation.flatten(-2), frames.translation], dim=-1).numpy()


def assert_equal_where(mask, ours, theirs, tolerance):
    mask = np.asarray(mask) > 0
    assert 0 < mask.mean() < 1
    assert theirs[mask].std() > 1e-2
    np.testing.assert_allclose(np.asarray(ours)[mask], theirs[mask], rtol=0, atol=tolerance)


def test_frames_equal_deepmind(oracle):
    case = oracle("geometry/atom37_to_frames.npz")
    groups = structure.atom37_to_frames(*read(case))
    for ours, name in (
        (groups.exists, "rigidgroups_gt_exists"),
        (groups.group_exists, "rigidgroups_group_exists"),
        (groups.is_ambiguous, "rigidgroups_group_is_ambiguous"),
    ):
        assert 0 < ours.mean() < 1
        np.testing.assert_array_equal(ours, case[f"out/{name}"])
    assert_equal_where(groups.exists, flat12(groups.frames), case["out/rigidgroups_gt_frames"], 1e-9)
    assert_equal_where(groups.exists, flat12(groups.alt_frames), case["out/rigidgroups_alt_gt_frames"], 1e-9)


def test_torsions_equal_deepmind_where_they_are_known(oracle):
    case = oracle("geometry/atom37_to_torsion_angles.npz")
    torsions = structure.atom37_to_torsions(*read(case))
    np.testing.assert_array_equal(torsions.mask, case["out/torsion_angles_mask"])
    assert_equal_where(torsions.mask, torsions.sin_cos, case["out/torsion_angles_sin_cos"], 1e-9)
    assert_equal_where(torsions.mask, torsions.alt_sin_cos, case["out/alt_torsion_angles_sin_cos"], 1e-9)
    assert not torch.equal(torsions.sin_cos, torsions.alt_sin_cos)


def test_placeholders_equal_deepmind_everywhere(oracle):
    case = oracle("geometry/atom37_to_torsion_angles.npz")
    torsions = structure.with_placeholders(structure.atom37_to_torsions(*read(case)))
    theirs = case["out_placeholder/torsion_angles_sin_cos"]
    np.testing.assert_allclose(torsions.sin_cos, theirs, rtol=0, atol=1e-9)
    np.testing.assert_allclose(torsions.alt_sin_cos, case["out_placeholder/alt_torsion_angles_sin_cos"], atol=1e-9)
    assert (theirs[case["out/torsion_angles_mask"] == 0] == [1, 0]).all()


def test_undefined_torsions_of_the_monomer_templates_are_those_of_the_released_program(oracle):
    case = oracle("geometry/atom37_to_torsion_angles.npz")
    torsions = structure.atom37_to_torsions(*read(case))
    # Gotcha 2: noise of the order 1e-6 in float64 where atoms are zero, and a meaning nobody intended elsewhere.
    np.testing.assert_allclose(torsions.sin_cos, case["out/torsion_angles_sin_cos"], rtol=0, atol=1e-4)


def test_chi_angles_equal_the_multimer_program(oracle):
    case = oracle("geometry/multimer_compute_chi_angles.npz")
    angles, mask = structure.chi_angles(*read(case))
    np.testing.assert_array_equal(mask, case["out/chi_mask"])
    assert_equal_where(mask, angles, case["out/chi_angles"], 1e-7)


def test_labels_equal_deepmind(oracle):
    case = oracle("geometry/labels_from_atom37.npz")
    aatype, positions, mask = read(case)
    labels = structure.structure_labels(aatype, positions, mask, torch.tensor(2.0, dtype=torch.float64))
    pairs = {
        "atom14_positions": "atom14_gt_positions",
        "atom14_mask": "atom14_gt_exists",
        "atom14_alt_positions": "atom14_alt_gt_positions",
        "atom14_alt_mask": "atom14_alt_gt_exists",
        "atom14_is_ambiguous": "atom14_atom_is_ambiguous",
        "rigid_groups_mask": "rigidgroups_gt_exists",
        "rigid_group_exists": "rigidgroups_group_exists",
        "rigid_group_is_ambiguous": "rigidgroups_group_is_ambiguous",
        "chi_mask": "chi_mask",
        "pseudo_beta": "pseudo_beta",
        "pseudo_beta_mask": "pseudo_beta_mask",
        "backbone_mask": "backbone_affine_mask",
    }
    for ours, theirs in pairs.items():
        expected = case[f"out/{theirs}"]
        assert expected.std() > 0, theirs
        np.testing.assert_allclose(getattr(labels, ours), expected, rtol=0, atol=1e-5, err_msg=theirs)
    np.testing.assert_allclose(labels.chi_angles, case["out/chi_angles"], rtol=0, atol=1e-5)
    # The released labels were computed in float32.
    assert_equal_where(labels.rigid_groups_mask, flat12(labels.frames), case["out/rigidgroups_gt_frames"], 1e-5)
    assert_equal_where(labels.rigid_groups_mask, flat12(labels.alt_frames), case["out/rigidgroups_alt_gt_frames"], 1e-5)
    assert labels.backbone.shape == (79,)
    assert labels.resolution == 2


def test_atom14_and_atom37_hold_the_same_atoms(oracle):
    case = oracle("geometry/labels_from_atom37.npz")
    aatype, positions, mask = read(case)
    mask[:, 36] = 0  # OXT has no place in atom14
    positions = positions * mask[..., None]
    compact = structure.atom14_from_atom37(aatype, positions, mask)
    wide = structure.atom37_from_atom14(aatype, *compact)
    torch.testing.assert_close(wide[0], positions)
    torch.testing.assert_close(wide[1], mask)


def test_leading_axes_are_a_batch(oracle):
    case = oracle("geometry/atom37_to_frames.npz")
    aatype, positions, mask = read(case)
    two = [torch.stack([x, x.flip(0)]) for x in (aatype, positions, mask)]
    alone, batched = structure.structure_labels(*(x[1] for x in two)), structure.structure_labels(*two)
    for name, value in alone.flat().items():
        torch.testing.assert_close(batched.flat()[name][1], value, msg=name)


def test_pseudo_beta_of_glycine_is_its_alpha_carbon():
    positions = torch.randn(3, 37, 3)
    beta, _ = structure.pseudo_beta(torch.tensor([7, 0, 20]), positions, torch.ones(3, 37))
    torch.testing.assert_close(beta, torch.stack([positions[0, 1], positions[1, 3], positions[2, 3]]))


def test_torsions_do_not_see_rotation_or_translation(oracle):
    case = oracle("geometry/atom37_to_frames.npz")
    aatype, positions, mask = read(case)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    before, after = (
        structure.atom37_to_torsions(aatype, x, mask)
        for x in (positions, positions @ turn.T + torch.tensor([1.0, -2, 3]))
    )
    known = before.mask > 0
    torch.testing.assert_close(after.sin_cos[known], before.sin_cos[known], atol=1e-8, rtol=0)


@pytest.mark.parametrize("aatype", [20, 21])
def test_an_unknown_residue_has_backbone_and_psi_only(aatype):
    positions, mask = torch.randn(1, 37, 3), torch.ones(1, 37)
    groups = structure.atom37_to_frames(torch.tensor([aatype]), positions, mask)
    assert groups.exists.tolist() == [[1, 0, 0, 1, 0, 0, 0, 0]]
