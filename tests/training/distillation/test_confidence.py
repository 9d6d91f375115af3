"""The published measure of confidence, against its definition written out in loops."""

import pytest
import torch

from foldwright.training.distillation.confidence import NEARBY, Background, residue_confidence


def of(*logits):
    background = Background.empty(logits[0].shape[-1])
    for one in logits:
        background = background.plus(one)
    return background


def test_the_background_is_the_mean_distribution_at_each_separation():
    first, second = torch.randn(5, 5, 6), torch.randn(3, 3, 6)
    found = of(first, second).distributions()
    two_apart = [x.double().softmax(-1)[i, j] for x in (first, second) for i, j in pairs(len(x), 2)]
    assert len(two_apart) == 8
    torch.testing.assert_close(found[2], torch.stack(two_apart).mean(0))
    torch.testing.assert_close(found.sum(-1), torch.ones(NEARBY + 1, dtype=torch.float64))
    torch.testing.assert_close(found[NEARBY], found[4])  # no sequence was longer


def test_confidence_is_the_mean_divergence_of_the_background_from_the_prediction():
    logits = torch.randn(7, 7, 6)
    background = of(torch.randn(9, 9, 6), torch.randn(8, 8, 6)).distributions()
    found = residue_confidence(logits, background)
    p = logits.double().softmax(-1)
    for i in (0, 3):
        terms = [(background[abs(i - j)] * (background[abs(i - j)] / p[i, j]).log()).sum() for j in range(7) if j != i]
        torch.testing.assert_close(found[i], torch.stack(terms).mean())
    assert found.min() > 0
    assert found.std() > 1e-3


def test_a_prediction_that_says_no_more_than_the_background_has_no_confidence():
    background = of(torch.randn(30, 30, 6)).distributions()
    place = torch.arange(30)
    logits = background[(place[:, None] - place).abs()].log()
    torch.testing.assert_close(residue_confidence(logits, background), torch.zeros(30, dtype=torch.float64))
    sharp = logits.clone()
    sharp[10:, 10:] *= 5
    confidence = residue_confidence(sharp, background)
    assert (confidence[:10] < confidence[10:].min()).all()


def test_residues_far_apart_in_the_chain_do_not_count():
    n = NEARBY + 5
    background = of(torch.randn(n, n, 3)).distributions()
    logits = torch.randn(n, n, 3)
    other = logits.clone()
    other[0, NEARBY + 1 :] = 9 * torch.randn(n - NEARBY - 1, 3)
    first, second = (residue_confidence(x, background)[0] for x in (logits, other))
    assert torch.equal(first, second)
    other[0, NEARBY] = torch.tensor([9.0, 0, 0])
    assert not torch.equal(first, residue_confidence(other, background)[0])


def test_a_lone_residue_has_no_confidence_and_no_background():
    alone = torch.randn(1, 1, 6)
    assert residue_confidence(alone, of(torch.randn(4, 4, 6)).distributions()).tolist() == [0.0]
    with pytest.raises(ValueError, match="empty"):
        of(alone).distributions()


def pairs(n, apart):
    return [(i, j) for i in range(n) for j in range(n) if abs(i - j) == apart]
