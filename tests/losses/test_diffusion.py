"""The denoiser's loss, and the error that its confidence is about."""

import torch

from foldwright.geometry.atom_frames import frame_of_atoms
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.losses.diffusion import (
    aligned_square_loss,
    alignment_error,
    atom_weights,
    bond_loss,
    diffusion_loss,
    weighted_rigid_align,
)
from foldwright.losses.smooth_lddt import smooth_lddt_loss

BONDS = torch.tensor([[0, 3], [4, 9], [2, 6]])


def example(n=14):
    truth = 5 * torch.randn(n, 3, dtype=torch.float64)
    mask = torch.ones(n, dtype=torch.float64)
    mask[[2, 7]] = 0
    weights = atom_weights(torch.arange(n) % 3 == 0, torch.arange(n) > 10).double()
    return truth, truth + torch.randn(3, n, 3, dtype=torch.float64), mask, weights


def motion():
    return Rigid(rotation_from_quaternion(torch.randn(4, dtype=torch.float64)), 20 * torch.randn(3).double())


def test_ligands_and_nucleotides_weigh_more():
    """AF3 SI 3.7.1, equation 4."""
    is_nucleotide, is_ligand = torch.tensor([False, True, False]), torch.tensor([False, False, True])
    assert atom_weights(is_nucleotide, is_ligand).tolist() == [1.0, 6.0, 11.0]


def test_no_other_rotation_lays_the_points_nearer():
    """AF3 SI Alg. 28 "weightedRigidAlign"."""
    truth, predicted, mask, weights = example()
    aligned = weighted_rigid_align(predicted[0], truth, weights * mask)

    def error(points):
        return (weights * mask * (points - truth).square().sum(-1)).sum()

    nudges = 0.02 * torch.randn(40, 4, dtype=torch.float64) + torch.tensor([1.0, 0, 0, 0])
    nudged = [error(Rigid(rotation_from_quaternion(q), torch.zeros(3).double()).apply(aligned)) for q in nudges]
    assert min(nudged) > error(aligned)
    shifted = [error(aligned + shift) for shift in 0.02 * torch.randn(10, 3, dtype=torch.float64)]
    assert min(shifted) > error(aligned)


def test_a_moved_truth_costs_nothing_and_where_it_lies_does_not_matter():
    truth, predicted, mask, weights = example()
    moved = motion().apply(truth)
    assert aligned_square_loss(moved[None], truth, weights, mask) < 1e-20
    loss = aligned_square_loss(predicted, truth, weights, mask)
    assert loss.std() > 1e-3
    torch.testing.assert_close(loss, aligned_square_loss(predicted, moved, weights, mask))


def test_the_truth_sends_no_gradient_through_its_alignment():
    """The gradient is that of the squares alone, with the aligned truth held."""
    truth, predicted, mask, weights = example()
    predicted = predicted[0].requires_grad_()
    aligned_square_loss(predicted, truth, weights, mask).backward()
    held = weighted_rigid_align(truth, predicted.detach(), weights * mask)
    expected = 2 / 3 * (weights * mask)[:, None] * (predicted.detach() - held) / mask.sum()
    torch.testing.assert_close(predicted.grad, expected)


def test_bonds_count_where_both_atoms_are_known():
    truth, predicted, mask, _ = example()
    expected = sum(
        ((one[0] - one[3]).norm() - (truth[0] - truth[3]).norm()).square()
        + ((one[4] - one[9]).norm() - (truth[4] - truth[9]).norm()).square()
        for one in predicted[1:2]
    )
    torch.testing.assert_close(bond_loss(predicted[1], truth, BONDS, mask), expected / 2)


def test_the_error_of_the_network_counts_alike_at_every_noise_level():
    """AF3 SI Alg. 20 line 8 scales the network's part by t sigma / sqrt(t^2 + sigma^2), which the loss undoes."""
    truth, _, mask, weights = example()
    level = torch.tensor([0.5, 16.0, 400.0], dtype=torch.float64)
    part = level * 16 / (level.square() + 256).sqrt()
    error = torch.randn(14, 3, dtype=torch.float64) * 1e-3
    near = truth + part[:, None, None] * error
    smooth = smooth_lddt_loss(near, truth, mask)
    scaled = diffusion_loss(near, truth, mask, weights, BONDS, level) - smooth
    torch.testing.assert_close(scaled, scaled[:1].expand(3), rtol=1e-2, atol=0)
    with_bonds = diffusion_loss(near, truth, mask, weights, BONDS, level, bond_weight=1.0) - smooth
    assert (with_bonds > scaled).all()


def test_an_alignment_error_is_the_distance_that_a_frame_sees():
    """AF3 SI Alg. 30 "computeAlignmentError": one chain turned as a whole is right within, and wrong from without."""
    truth, _, _, _ = example(12)
    whole = truth.clone()
    whole[6:] = motion().apply(truth[6:])
    triples = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
    frames, true_frames = (frame_of_atoms(*points[triples].unbind(1)) for points in (whole, truth))
    error = alignment_error(whole, truth, frames, true_frames)
    torch.testing.assert_close(error[:2, :6], torch.full((2, 6), 1e-4).double(), rtol=1e-3, atol=0)
    torch.testing.assert_close(error[2:, 6:], torch.full((2, 6), 1e-4).double(), rtol=1e-3, atol=0)
    assert error[:2, 6:].min() > 0.1
