"""Renaming of symmetric atoms. Arrays: oracles/af2/geometry/renaming.npz (AlphaFold 2 folding.py, float64)."""

import torch

from foldwright.geometry.rigid import Rigid
from foldwright.losses.renaming import (
    Atoms,
    alternative_names_fit_better,
    rename_frames,
    rename_symmetric_ground_truth_atoms,
)


def test_choice_and_renamed_atoms_equal_deepmind(oracle):
    case = {key: torch.as_tensor(x).double() for key, x in oracle("geometry/renaming.npz").items()}
    truth = Atoms(case["in/atom14_gt_positions"], case["in/atom14_gt_exists"])
    alternative = Atoms(case["in/atom14_alt_gt_positions"], case["in/atom14_alt_gt_exists"])
    is_renamed = alternative_names_fit_better(
        case["in/pred_atom14"], truth, alternative, case["in/atom14_atom_is_ambiguous"]
    )
    renamed = rename_symmetric_ground_truth_atoms(truth, alternative, is_renamed)
    assert 0 < is_renamed.mean() < 1
    torch.testing.assert_close(is_renamed, case["out/alt_naming_is_better"], rtol=0, atol=0)
    torch.testing.assert_close(renamed.positions, case["out/renamed_atom14_gt_positions"], rtol=0, atol=1e-9)
    torch.testing.assert_close(renamed.mask, case["out/renamed_atom14_gt_exists"], rtol=0, atol=0)


def test_a_prediction_under_other_names_is_recognised():
    positions, mask = torch.randn(2, 5, 14, 3), torch.ones(2, 5, 14)
    ambiguous = torch.zeros(2, 5, 14)
    ambiguous[:, 1::2, 6:8] = 1
    swapped = positions.clone()
    swapped[..., [6, 7], :] = positions[..., [7, 6], :]
    truth, alternative = Atoms(positions, mask), Atoms(swapped, mask)
    predicted = torch.where(torch.tensor([0, 1, 0, 0, 0])[:, None, None] == 1, swapped, positions)
    is_renamed = alternative_names_fit_better(predicted, truth, alternative, ambiguous)
    assert is_renamed.tolist() == [[0, 1, 0, 0, 0]] * 2
    renamed = rename_symmetric_ground_truth_atoms(truth, alternative, is_renamed)
    torch.testing.assert_close(renamed.positions, predicted)


def test_frames_follow_their_residue():
    truth, alternative = (Rigid(torch.randn(4, 8, 3, 3), torch.randn(4, 8, 3)) for _ in range(2))
    renamed = rename_frames(truth, alternative, torch.tensor([0, 1, 0, 1.0]))
    torch.testing.assert_close(renamed.rotation[[0, 2]], truth.rotation[[0, 2]])
    torch.testing.assert_close(renamed.translation[[1, 3]], alternative.translation[[1, 3]])
