"""The average of parameters over steps."""

import pytest
import torch
from torch import nn

from foldwright.training.ema import ExponentialMovingAverage


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False))


def test_each_update_moves_the_average_by_one_part(model):
    ema = ExponentialMovingAverage(model, decay=0.75)
    expected = {name: p.detach().clone() for name, p in model.named_parameters()}
    for _ in range(3):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter += torch.randn_like(parameter)
                expected[name] = 0.75 * expected[name] + 0.25 * parameter
        ema.update(model)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(ema.state[name], expected[name])
        assert (ema.state[name] - parameter).abs().max() > 1e-2


def test_a_model_gets_its_own_parameters_back(model):
    ema = ExponentialMovingAverage(model, decay=0.5)
    own = torch.randn(4, 3)
    average = ema.state["0.weight"].clone()
    with torch.no_grad():
        model[0].weight.copy_(own)
    with pytest.raises(RuntimeError), ema.applied(model):  # noqa: PT012  the point is what happens on the way out
        assert torch.equal(model[0].weight, average)
        raise RuntimeError
    assert torch.equal(model[0].weight, own)
    assert torch.equal(ema.state["0.weight"], average)
