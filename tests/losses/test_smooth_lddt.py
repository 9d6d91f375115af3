"""lDDT with soft tolerances."""

import torch

from foldwright.losses.smooth_lddt import smooth_lddt_loss


def example(n=12):
    truth = 5 * torch.randn(n, 3, dtype=torch.float64)
    mask = torch.ones(n, dtype=torch.float64)
    mask[[2, 7]] = 0
    return truth, truth + 2 * torch.randn(3, n, 3, dtype=torch.float64), mask


def test_it_is_the_sum_of_the_algorithm():
    """AF3 SI Alg. 27 "SmoothLDDTLoss", pair by pair; three predictions of one truth."""
    truth, predicted, mask = example()
    expected = []
    for one in predicted:
        kept = pairs = 0.0
        for i in range(len(truth)):
            for j in range(len(truth)):
                true = (truth[i] - truth[j]).norm()
                if i != j and mask[i] and mask[j] and true < 15:
                    error = (true - (one[i] - one[j]).norm()).abs()
                    kept += sum(1 / (1 + torch.exp(error - t)) for t in (0.5, 1, 2, 4)) / 4
                    pairs += 1
        expected.append(1 - kept / pairs)
    loss = smooth_lddt_loss(predicted, truth, mask)
    assert loss.std() > 1e-3
    torch.testing.assert_close(loss, torch.stack(expected), rtol=1e-6, atol=0)


def test_it_draws_towards_the_truth_and_leaves_far_and_unknown_residues_alone():
    truth, predicted, mask = example()
    truth[0] += 200
    predicted = predicted[0].requires_grad_()
    smooth_lddt_loss(predicted, truth, mask).backward()
    moved = predicted.grad.norm(dim=-1) > 0
    assert moved.tolist() == [i not in (0, 2, 7) for i in range(12)]
    better = (predicted - 0.5 * predicted.grad).detach()
    assert smooth_lddt_loss(better, truth, mask) < smooth_lddt_loss(predicted, truth, mask)


def test_residues_on_one_spot_have_a_finite_gradient():
    truth, _, mask = example()
    positions = torch.zeros_like(truth).requires_grad_()
    smooth_lddt_loss(positions, truth, mask).backward()
    assert positions.grad.isfinite().all()
