"""Torsion losses. Arrays: oracles/af2/geometry/supervised_chi_loss.npz (AlphaFold 2 folding.py, float64)."""

import math

import torch

from foldwright.chem import rigid_groups
from foldwright.losses.torsion import angle_norm_loss, chi_angle_loss


def test_chi_and_norm_losses_equal_deepmind(oracle):
    case = {key: torch.as_tensor(x) for key, x in oracle("geometry/supervised_chi_loss.npz").items()}
    aatype = case["in/aatype"].long()
    periodic = torch.as_tensor(rigid_groups.CHI_IS_PI_PERIODIC).double()[aatype]
    sin_cos, mask = case["in/angles_sin_cos"].double()[..., 3:, :], case["in/chi_mask"]
    chi = chi_angle_loss(sin_cos, case["in/chi_angles"], periodic, mask)
    norm = angle_norm_loss(case["in/unnormalized"].double(), torch.ones(len(aatype), dtype=torch.float64))
    assert chi.shape == (8,)
    assert chi.std() > 1e-2
    assert 0 < mask.mean() < 1
    torch.testing.assert_close(chi.mean(), case["out/chi_loss"], rtol=1e-9, atol=0)
    torch.testing.assert_close(norm.mean(), case["out/angle_norm_loss"], rtol=1e-8, atol=0)
    torch.testing.assert_close(0.5 * chi.mean() + 0.01 * norm.mean(), case["out/weighted_sum"], rtol=1e-8, atol=0)


def test_half_turn_is_free_only_where_it_renames_atoms():
    true_chi, mask = torch.rand(3, 4), torch.ones(3, 4)
    turned = torch.stack([torch.sin(true_chi + math.pi), torch.cos(true_chi + math.pi)], -1)
    periodic = chi_angle_loss(turned, true_chi, torch.ones(3, 4), mask)
    unique = chi_angle_loss(turned, true_chi, torch.zeros(3, 4), mask)
    torch.testing.assert_close(periodic, torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(unique, torch.tensor(4.0))


def test_unknown_angles_do_not_count():
    sin_cos, true_chi, mask = torch.randn(2, 5, 4, 2), torch.randn(2, 5, 4), (torch.rand(2, 5, 4) > 0.4).float()
    loss = chi_angle_loss(sin_cos, true_chi, torch.zeros(2, 5, 4), mask)
    other = torch.where(mask[..., None] == 1, sin_cos, 1e3)
    assert loss.std() > 1e-3
    torch.testing.assert_close(chi_angle_loss(other, true_chi, torch.zeros(2, 5, 4), mask), loss)


def test_norm_loss_is_the_mean_distance_to_the_circle():
    vectors, mask = 2 * torch.randn(4, 7, 2), torch.tensor([1, 0, 1, 1.0])
    expected = (vectors.norm(dim=-1) - 1).abs()[mask == 1].sum() / (3 * 7)
    torch.testing.assert_close(angle_norm_loss(vectors, mask), expected, rtol=1e-4, atol=1e-6)
