"""Losses of the distogram and of the hidden letters."""

import pytest
import torch

from foldwright.losses.distogram import distance_bins, distogram_loss
from foldwright.losses.masked_msa import masked_msa_loss


@pytest.mark.shared
def test_distogram_loss_equals_deepmind(oracle):
    """Arrays: oracles/af2/geometry/distogram_loss.npz (AlphaFold 2 modules.py, float64)."""
    case = {key: torch.as_tensor(x).double() for key, x in oracle("geometry/distogram_loss.npz").items()}
    mask = case["in/pseudo_beta_mask"]
    loss = distogram_loss(case["in/logits"], case["in/pseudo_beta"], mask)
    assert 0 < mask.mean() < 1
    torch.testing.assert_close(loss, case["out/loss"], rtol=1e-8, atol=0)


def test_distances_fall_into_the_bins_of_the_paper():
    """AF2 Suppl. 1.9.8: 64 bins between 2 and 22 angstrom; edges at 2.3125 and then every 0.3125."""
    x = torch.tensor([0.0, 2.3, 2.63, 21.6, 21.8, 500.0])
    bins = distance_bins(torch.stack([x, torch.zeros(6), torch.zeros(6)], -1), 64)
    assert bins[0].tolist() == [0, 0, 2, 62, 63, 63]
    assert bins.equal(bins.mT)


def test_a_certain_correct_distogram_costs_nothing():
    positions, mask = 8 * torch.randn(2, 6, 3), torch.tensor([[1, 1, 1, 0, 1, 1.0], [1, 1, 0, 0, 1, 1]])
    right = 50 * torch.nn.functional.one_hot(distance_bins(positions, 64), 64).float()
    assert distogram_loss(right, positions, mask).max() < 1e-5
    assert distogram_loss(torch.zeros_like(right), positions, mask).sub(torch.tensor(64.0).log()).abs().max() < 1e-4


def test_only_hidden_letters_count():
    logits, true_msa = torch.randn(2, 4, 5, 23), torch.randint(0, 22, (2, 4, 5))
    bert_mask = (torch.rand(2, 4, 5) > 0.5).float()
    loss = masked_msa_loss(logits, true_msa, bert_mask)
    expected = [
        -torch.log_softmax(logits[b], -1).gather(-1, true_msa[b][..., None])[..., 0][bert_mask[b] == 1].mean()
        for b in range(2)
    ]
    torch.testing.assert_close(loss, torch.stack(expected))
    assert masked_msa_loss(logits, true_msa, torch.zeros(2, 4, 5)).tolist() == [0, 0]
