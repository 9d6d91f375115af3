"""From the gradients of examples to that of a step."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from foldwright.training.gradients import ReplicatedGradients
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Optimiser

LIMIT = 0.5


@pytest.fixture
def model():
    model = nn.ModuleDict({"used": nn.Linear(5, 3, bias=False), "unused": nn.Linear(2, 2)})
    return model.requires_grad_(True)


@pytest.fixture
def inputs():
    """Three examples of very different size; one stays below the limit."""
    return [torch.randn(5) * scale for scale in (0.01, 1.0, 30.0)]


def loss(model, x):
    return model["used"](x).square().sum()


def separate(model, inputs):
    """The gradient of each example by itself, flat."""
    used = list(model["used"].parameters())
    return [torch.cat([g.flatten() for g in torch.autograd.grad(loss(model, x), used)]) for x in inputs]


def of_step(model, inputs, is_clipped_per_example):
    optimiser = replace(Optimiser(), max_gradient_norm=LIMIT, is_clipped_per_example=is_clipped_per_example)
    gradients = ReplicatedGradients(model, optimiser, len(inputs), Processes())
    for _ in range(2):  # the second step owes nothing to the first
        gradients.begin()
        norms = []
        for x in inputs:
            loss(model, x).backward()
            norms.append(gradients.add())
        norm = gradients.finish()
    return torch.cat([p.grad.flatten() for p in model["used"].parameters()]), norm, norms


def test_each_example_is_clipped_before_the_mean(model, inputs):
    each = separate(model, inputs)
    expected = torch.stack([g * min(1.0, LIMIT / float(g.norm())) for g in each]).mean(0)
    found, norm, norms = of_step(model, inputs, is_clipped_per_example=True)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(norm, expected.norm())
    torch.testing.assert_close(torch.stack(norms), torch.stack([g.norm() for g in each]))
    assert each[0].norm() < LIMIT < each[1].norm()


def test_or_the_mean_is_clipped_as_a_whole(model, inputs):
    mean = torch.stack(separate(model, inputs)).mean(0)
    found, norm, _ = of_step(model, inputs, is_clipped_per_example=False)
    torch.testing.assert_close(found, mean * LIMIT / mean.norm())
    torch.testing.assert_close(norm, mean.norm())


def test_what_no_loss_reaches_rests_at_zero(model, inputs):
    of_step(model, inputs, is_clipped_per_example=True)
    assert all(p.grad is not None and not p.grad.any() for p in model["unused"].parameters())


def test_an_example_without_gradient_stays_one(model):
    found, norm, _ = of_step(model, [torch.zeros(5) * 0], is_clipped_per_example=True)
    assert found.isfinite().all()
    assert norm.isfinite()
