"""Parameters that freeze, and optimiser state that stands still, are named; healthy ones are not."""

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from foldwright.errors import TrainingError
from foldwright.training.health import Health, Kind, Limits, stop_if_fatal
from foldwright.training.health.parameters import expected_update

FROZEN = "structure_module.backbone_update.out.weight"


def kinds(findings):
    return {(finding.parameter, finding.kind) for finding in findings}


def test_a_healthy_network_has_nothing_fatal_and_changes(patient):
    before = patient.parameter(FROZEN).detach().clone()
    found = patient.steps(6)
    assert not [finding for finding in found if finding.is_fatal]
    assert not torch.equal(before, patient.parameter(FROZEN))
    stop_if_fatal(found)


def test_a_parameter_that_does_not_follow_its_gradient_is_named(patient):
    kept = patient.parameter(FROZEN).detach().clone()
    patient.after_update = lambda: patient.parameter(FROZEN).data.copy_(kept)
    found = patient.steps()
    assert kinds(found) == {(FROZEN, Kind.UNCHANGED)}
    assert found[0].is_fatal
    with pytest.raises(TrainingError, match=f"does not change: {FROZEN}"):
        stop_if_fatal(found)


def test_a_parameter_is_missed_even_if_it_freezes_later(patient):
    assert not patient.steps(2)
    kept = patient.parameter(FROZEN).detach().clone()
    patient.after_update = lambda: patient.parameter(FROZEN).data.copy_(kept)
    assert (FROZEN, Kind.UNCHANGED) in kinds(patient.steps())


def test_an_update_too_small_for_the_number_format_is_no_fault(patient):
    for group in patient.state.optimiser.param_groups:
        group["lr"] = 1e-12
    with torch.no_grad():
        for parameter in patient.state.model.parameters():
            parameter.add_(1.0)
    before = patient.parameter(FROZEN).detach().clone()
    assert Kind.UNCHANGED not in {finding.kind for finding in patient.steps(2)}
    assert torch.equal(before, patient.parameter(FROZEN))


@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq"])
def test_optimiser_state_that_stays_zero_is_named(patient, moment):
    """A backend on which the in-place operation writes nothing."""
    patient.after_update = lambda: patient.state.optimiser.state[patient.parameter(FROZEN)][moment].zero_()
    found = patient.steps(2)
    assert (f"{FROZEN} ({moment})", Kind.STATE_ZERO) in kinds(found)
    assert all(finding.is_fatal for finding in found)


def test_optimiser_state_that_stops_moving_is_named(patient):
    assert not patient.steps(2)
    state = patient.state.optimiser.state[patient.parameter(FROZEN)]
    kept = state["exp_avg_sq"].clone()
    patient.after_update = lambda: state["exp_avg_sq"].copy_(kept)
    assert kinds(patient.steps()) == {(f"{FROZEN} (exp_avg_sq)", Kind.STATE_FROZEN)}


def test_a_parameter_without_a_gradient_is_reported_once_and_late(new_patient):
    """The head is cut off from its loss."""

    def cut(model):
        model.plddt_head.register_forward_hook(lambda _, inputs, output: output.detach())
        return model

    patient = new_patient(begin=cut, limits=Limits(patience=3))
    assert not [f for f in patient.steps(2) if f.parameter.startswith("plddt_head")]
    found = [f for f in patient.steps() if f.parameter.startswith("plddt_head")]
    assert len(found) == len(list(patient.state.model.plddt_head.parameters()))
    assert {f.kind for f in found} == {Kind.NO_GRADIENT}
    assert not any(f.is_fatal for f in found)
    assert not [f for f in patient.steps(2) if f.parameter.startswith("plddt_head")]


def test_a_head_that_the_recipe_leaves_out_is_not_reported(new_patient, recipe):
    assert recipe.losses.experimentally_resolved == 0
    found = new_patient(limits=Limits(patience=2)).steps(2)
    assert Kind.NO_GRADIENT in {f.kind for f in found}  # of bare sequences the extra rows are empty
    assert not [f for f in found if f.parameter.startswith("experimentally_resolved_head")]
    trained = replace(recipe, losses=replace(recipe.losses, masked_msa=0.0))
    trained = replace(trained, examples_per_step=1)
    found = new_patient(trained, limits=Limits(patience=2)).steps(2)
    assert not [f for f in found if f.parameter.startswith("masked_msa_head")]


def test_a_parameter_the_optimiser_does_not_hold_is_named(patient):
    patient.state.model.plddt_head.out = nn.Linear(8, 50)  # put there after the optimiser was made
    patient.health = Health(patient.state.model, patient.state.optimiser, every=1)
    found = kinds(patient.steps())
    assert {("plddt_head.out.weight", Kind.NOT_OPTIMISED), ("2 tensors", Kind.FOREIGN)} <= found


def test_a_tensor_with_its_axes_exchanged_is_named_with_its_state(new_patient):
    def transpose(model):
        weight = model.structure_module.backbone_update.out.weight
        weight.data = weight.data.T.contiguous().T
        return model

    patient = new_patient(begin=transpose)
    # Torch warns of the gradient in a warning of its own when it comes to be; the check must not need it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = patient.steps()
    assert {
        (FROZEN, Kind.NON_CONTIGUOUS),
        (f"{FROZEN} (exp_avg)", Kind.NON_CONTIGUOUS),
        (f"{FROZEN} (exp_avg_sq)", Kind.NON_CONTIGUOUS),
    } <= kinds(found)
    assert not any(finding.is_fatal for finding in found)


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_the_expected_update_is_the_one_that_is_made(make):
    layer = nn.Linear(5, 3)
    optimiser = make(layer.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(4):
        before = layer.weight.detach().clone()
        optimiser.zero_grad()
        layer(torch.randn(7, 5)).square().sum().backward()
        optimiser.step()
        group = optimiser.param_groups[0]
        expected = expected_update(layer.weight, optimiser, group)
        torch.testing.assert_close(expected, (layer.weight.detach() - before).abs(), rtol=1e-3, atol=1e-6)
    assert expected.std() > 1e-5
