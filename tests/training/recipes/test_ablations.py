"""Every ablation trains, under a name that says what is missing."""

from dataclasses import fields, is_dataclass

import pytest
import torch

from foldwright.errors import InputError
from foldwright.training.objective_af2 import loss_terms
from foldwright.training.recipes import RECIPES, recipe
from foldwright.training.recipes.ablations import ABLATIONS, ablated
from foldwright.training.recipes.variants import build

CHANGED = {
    "with_self_distillation": set(),
    "no_self_distillation": {"sampling.distilled_fraction"},
    "no_templates": {"model.features.num_templates", "model.templates"},
    "no_distogram": {"losses.distogram"},
    "no_masked_msa": {"losses.masked_msa"},
    "no_recycling": {"model.recycling.num_recycles", "sampling.max_passes", "variant"},
    "no_ipa_and_no_recycling": {"model.recycling.num_recycles", "sampling.max_passes", "variant"},
}


def differences(a, b, prefix=""):
    """Dotted names of the fields in which two records differ."""
    if is_dataclass(a) and is_dataclass(b):
        parts = (differences(getattr(a, f.name), getattr(b, f.name), f"{prefix}.{f.name}") for f in fields(a))
        return set().union(*parts)
    return set() if a == b else {prefix.removeprefix(".")}


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_its_part_and_no_other(base, name):
    assert differences(base, ablated(base, name)) == {"name", *CHANGED.get(name, {"variant"})}


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablated_network_learns(base, example, name):
    batch, labels = example
    changed = ablated(base, name)
    model = build(changed.variant, changed.model).eval()  # without dropout the loss falls in every step
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(4):
        output = model([[batch]] * min(changed.sampling.max_passes, 2))
        loss = loss_terms(output, labels, batch.residues, batch.masked_msa).weighted(changed.losses)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.02


@pytest.mark.parametrize(("name", "head"), [("no_distogram", "distogram_head"), ("no_masked_msa", "masked_msa_head")])
def test_a_head_that_counts_for_nothing_teaches_nothing(base, example, name, head):
    batch, labels = example
    for changed, is_silent in [(base, False), (ablated(base, name), True)]:
        model = build(changed.variant, changed.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        output = model([[batch]])
        loss_terms(output, labels, batch.residues, batch.masked_msa).weighted(changed.losses).backward()
        assert all(not p.grad.any() for p in getattr(model, head).parameters()) is is_silent


def test_templates_leave_no_parameter_behind(base):
    changed = ablated(base, "no_templates")
    assert not [name for name, _ in build(changed.variant, changed.model).named_parameters() if "template" in name]


def test_recipes_are_found_by_name_and_ablations_follow_a_plus():
    assert recipe("tiny").name == "tiny"
    both = recipe("tiny+no_triangles+no_recycling")
    assert both.name == "tiny+no_triangles+no_recycling"
    assert both.variant == "no_triangles+no_recycling"
    assert all(make().name == name for name, make in RECIPES.items())
    assert {"tiny", "initial_training", "fine_tuning", "ablation_no_ipa"} < set(RECIPES)


def test_published_ablations_are_of_initial_training_on_experimental_structures():
    baseline = recipe("ablation_no_self_distillation")
    assert baseline.sampling.distilled_fraction == 0
    assert differences(baseline, recipe("initial_training")) == {"name", "sampling.distilled_fraction"}
    assert differences(baseline, recipe("ablation_no_triangles")) == {"name", "variant"}
    assert recipe("ablation_with_self_distillation").sampling.distilled_fraction == 0.75  # AF2 Suppl. 1.3


@pytest.mark.parametrize("name", ["huge", "tiny+no_such", "no_triangles", "tiny+tiny", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(InputError, match="no_triangles"):
        recipe(name)
