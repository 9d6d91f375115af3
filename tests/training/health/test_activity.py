"""Layers that add nothing, and layers that add far too much, are named."""

import pytest
import torch

from foldwright.training.health import Kind, Limits
from foldwright.training.health.activity import Activity, residual_layers
from foldwright.training.recipes import variants
from foldwright.training.state import new_network

LAYER = "trunk.evoformer.blocks.0.msa_transition"


def silence(layer):
    """A layer whose output is multiplied by zero, in place of a gate that closed for good."""
    layer.register_forward_hook(lambda _, inputs, output: output * 0)


def test_a_layer_that_adds_nothing_is_named_once_it_had_time_to_learn(new_patient):
    patient = new_patient(limits=Limits(dead_after=3))
    silence(patient.state.model.get_submodule(LAYER))
    assert Kind.DEAD not in {f.kind for f in patient.steps(2)}
    dead = {f.parameter for f in patient.steps() if f.kind == Kind.DEAD}
    assert LAYER in dead
    assert "trunk.evoformer.blocks.0.row_attention" not in dead


def test_a_layer_that_drowns_the_stream_is_named(patient):
    patient.state.model.get_submodule(LAYER).register_forward_hook(
        lambda _, inputs, output: output * 0 + 500 * inputs[0]
    )
    exploding = {f.parameter: f for f in patient.steps() if f.kind == Kind.EXPLODING}
    assert LAYER in exploding
    assert not exploding[LAYER].is_fatal
    assert "structure_module.ipa" not in exploding


def test_measuring_leaves_the_numbers_and_the_network_as_they_were(new_patient):
    watched, alone = new_patient(), new_patient(every=1000)
    alone.health.limits = Limits(first_steps=0)
    alone.state.step = watched.state.step = 1
    watched.steps(2)
    alone.steps(2)
    assert watched.health.num_watched == 2
    assert alone.health.num_watched == 0
    for (name, a), b in zip(watched.state.model.named_parameters(), alone.state.model.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert not any(module._forward_hooks for module in watched.state.model.modules())


def test_sizes_are_root_mean_squares(patient):
    activity = Activity(patient.state.model, Limits())
    activity.begin()
    layer = patient.state.model.get_submodule(LAYER)
    m = torch.randn(2, 6, 12, 16) * 3
    out = layer(m).detach()
    activity.end()
    layer(m * 100)  # no longer heard
    assert float(activity.sizes[LAYER].stream) == pytest.approx(float(m.square().mean().sqrt()), rel=1e-5)
    assert float(activity.sizes[LAYER].update) == pytest.approx(float(out.square().mean().sqrt()), rel=1e-5)


def test_every_layer_of_every_block_is_watched_and_removed_ones_are_not(recipe):
    layers = residual_layers(new_network(recipe))
    per_block = 9  # AF2 Suppl. Alg. 6 lines 2-10
    assert len(layers) == 2 * per_block + 2
    without = residual_layers(variants.build("no_triangles", recipe.model))
    assert not [name for name in without if "triangle_multiplication" in name]
