"""The first module that makes a NaN or an infinity is named, forwards and backwards."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from foldwright.errors import TrainingError
from foldwright.training.health import Kind, stop_if_fatal
from foldwright.training.health.non_finite import explain

LAYER = "trunk.evoformer.blocks.0.pair.triangle_attention_ending"


class InfiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient / 0


def spoil(layer, change):
    return layer.register_forward_hook(lambda _, inputs, output: change(output))


def test_a_healthy_pass_has_nothing_to_explain(patient):
    assert patient.health.explain_non_finite(patient.learn).startswith("nothing")


def test_the_first_module_with_a_bad_output_is_named(patient):
    model = patient.state.model
    spoil(model.get_submodule(LAYER), lambda x: x.masked_fill(torch.rand_like(x) < 0.01, torch.nan))
    spoil(model.structure_module.ipa, lambda x: x / 0)  # later, not the first
    told = patient.health.explain_non_finite(patient.learn)
    assert told.startswith(f"{LAYER} is the first module whose output")


def test_of_a_module_that_is_used_often_the_call_is_named(patient):
    calls = []

    def third(x):
        calls.append(1)
        return x * torch.inf if len(calls) == 3 else x

    spoil(patient.state.model.structure_module.angles.out, third)
    told = patient.health.explain_non_finite(patient.learn)
    assert told.startswith("structure_module.angles.out (call 3) is the first module")


def test_the_module_whose_gradient_is_bad_is_named(patient):
    layer = patient.state.model.get_submodule(LAYER)
    attend = layer.core.forward
    layer.core.forward = lambda *inputs: InfiniteGradient.apply(attend(*inputs))
    told = patient.health.explain_non_finite(patient.learn)
    assert LAYER in told
    assert "gradient" in told


def test_a_loss_that_is_not_finite_is_told_from_the_network(patient):
    def learn():
        terms = patient.learn()
        return replace(terms, distogram=terms.distogram.log() / 0).flat()

    told = patient.health.explain_non_finite(learn)
    assert told == "all modules gave finite outputs; distogram, computed from them, is not finite."


def test_bad_input_and_bad_parameters_are_told_from_bad_modules(patient):
    layer = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    assert "is given values that are not finite" in explain(layer, lambda: layer(torch.full((2, 3), torch.nan)))
    with torch.no_grad():
        patient.parameter(f"{LAYER}.norm.weight")[1] = torch.inf
    assert patient.health.explain_non_finite(patient.learn).startswith(f"parameter {LAYER}.norm.weight is not finite")


def test_explaining_leaves_no_hooks_behind(patient):
    patient.health.explain_non_finite(patient.learn)
    for module in patient.state.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not any(p._backward_hooks for p in patient.state.model.parameters())


def test_a_bad_gradient_is_found_in_every_step_before_it_is_followed(new_patient):
    patient = new_patient(every=1000)
    patient.state.step = 17
    patient.steps(4)
    assert not patient.health.is_watched(patient.state.step)
    kept = [p.detach().clone() for p in patient.state.model.parameters()]
    name = "distogram_head.out.weight"

    def spoil_gradient():
        patient.parameter(name).grad[0, 0] = torch.nan

    patient.health.before_step(21)
    patient.learn()
    spoil_gradient()
    found = patient.health.after_backward(21, gradient_norm=float("nan"))
    assert [(f.parameter, f.kind) for f in found] == [(name, Kind.NON_FINITE)]
    with pytest.raises(TrainingError, match=name):
        stop_if_fatal(found)
    assert all(torch.equal(a, b) for a, b in zip(kept, patient.state.model.parameters(), strict=True))


def test_a_parameter_made_infinite_by_its_update_is_named(patient):
    patient.after_update = lambda: patient.parameter(f"{LAYER}.norm.bias").data[3].fill_(torch.inf)
    assert (f"{LAYER}.norm.bias", Kind.NON_FINITE) in {(f.parameter, f.kind) for f in patient.steps()}
