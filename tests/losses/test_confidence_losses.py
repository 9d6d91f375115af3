"""Losses that teach the network how wrong it is."""

import torch

from foldwright.geometry.rigid import Rigid
from foldwright.losses.confidence import (
    aligned_error_loss,
    experimentally_resolved_loss,
    is_well_resolved,
    lddt_ca,
    plddt_loss,
)


def test_lddt_equals_deepmind(oracle):
    """Arrays: oracles/af2/geometry/lddt.npz (AlphaFold 2 lddt.py, float64)."""
    case = {key: torch.as_tensor(x).double() for key, x in oracle("geometry/lddt.npz").items()}
    mask = case["in/mask"].squeeze(-1)
    score = lddt_ca(case["in/pred"], case["in/true"], mask)
    assert 0 < mask.mean() < 1
    assert score.std() > 1e-2
    torch.testing.assert_close(score, case["out/per_residue"], rtol=1e-9, atol=1e-12)


def test_lddt_bins_are_equal_shares():
    lddt, mask = torch.tensor([[0.0, 0.019, 0.021, 0.999, 1.0]]), torch.tensor([[1, 1, 1, 1, 1.0]])
    right = 50 * torch.nn.functional.one_hot(torch.tensor([[0, 0, 1, 49, 49]]), 50).float()
    assert plddt_loss(right, lddt, mask) < 1e-5
    assert plddt_loss(right.roll(1, -1), lddt, mask) > 10


def random_frames(*shape):
    return Rigid(torch.linalg.qr(torch.randn(*shape, 3, 3)).Q, 9 * torch.randn(*shape, 3))


def test_aligned_error_of_the_truth_is_in_the_first_bin_and_no_gradient_reaches_the_structure():
    frames, mask = random_frames(2, 6), torch.tensor([[1, 1, 1, 0, 1, 1.0], [1, 0, 1, 1, 1, 1]])
    frames.translation.requires_grad_()
    far = Rigid(frames.rotation.detach(), frames.translation.detach() + 100 * torch.randn(2, 6, 3))
    logits = torch.zeros(2, 6, 6, 64, requires_grad=True)
    loss = aligned_error_loss(logits, frames, far, mask)
    loss.sum().backward()
    assert frames.translation.grad is None
    # Off the diagonal nearly every error is beyond the last edge; the gradient names the bin that was right.
    right = logits.grad.argmin(-1)[0]
    assert right[0, 1] == 63
    assert right[0, 4] == 63
    assert logits.grad[0, 3].abs().max() == 0


def test_resolved_loss_counts_the_atoms_that_a_residue_has():
    logits, resolved = torch.randn(2, 5, 37), torch.rand(2, 5, 37).round()
    exists = torch.rand(2, 5, 37).round()
    loss = experimentally_resolved_loss(logits, resolved, exists)
    p = torch.sigmoid(logits)
    errors = -(resolved * p.log() + (1 - resolved) * (1 - p).log())
    torch.testing.assert_close(loss, (errors * exists).sum((-2, -1)) / exists.sum((-2, -1)))


def test_confidence_is_learnt_from_good_experiments_only():
    assert is_well_resolved(torch.tensor([0.0, 0.1, 2.0, 3.0, 3.1])).tolist() == [0, 1, 1, 1, 0]
