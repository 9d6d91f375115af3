"""A few watched steps tell a network that can learn from one that cannot."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.training.health import doctoring
from foldwright.training.health.doctoring import examine_training
from foldwright.training.health.made_chains import made_chain

CA, C, N, O = 1, 2, 0, 4  # noqa: E741


@pytest.fixture
def few(recipe):
    """A step is one example."""
    return replace(recipe, examples_per_step=1, sampling=replace(recipe.sampling, crop_size=10))


def broken(monkeypatch, name, change):
    """Every network built from now on has one layer whose output is changed."""
    build = doctoring.new_network

    def new_network(recipe):
        model = build(recipe)
        model.get_submodule(name).register_forward_hook(lambda _, inputs, output: change(output))
        return model

    monkeypatch.setattr(doctoring, "new_network", new_network)


def test_a_healthy_network_passes_every_check(few):
    checks = {check.topic: check for check in examine_training(few, num_steps=8)}
    assert {"repeatable", "training", *doctoring.TOPICS} == set(checks)
    assert all(check.passed for check in checks.values()), checks
    assert "8 of 8 steps on made-up helices" in checks["training"].text


def test_a_network_that_makes_no_numbers_fails_and_the_module_is_named(few, monkeypatch):
    name = "trunk.evoformer.blocks.0.msa_transition"
    broken(monkeypatch, name, lambda x: x / 0)
    training = next(check for check in examine_training(few, num_steps=4) if check.topic == "training")
    assert not training.passed
    assert training.is_fatal
    assert "0 of 4 steps" in training.text
    assert f"{name} is the first module whose output" in training.text


def test_a_part_cut_off_from_its_loss_is_told_and_not_fatal(few, monkeypatch):
    broken(monkeypatch, "distogram_head", lambda x: x.detach())
    checks = {check.topic: check for check in examine_training(few, num_steps=4)}
    assert not checks["gradients"].passed
    assert "distogram_head" in checks["gradients"].text
    assert not checks["gradients"].is_fatal
    assert checks["training"].passed


def test_an_optimiser_that_writes_nothing_fails(few, monkeypatch):
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: None)
    checks = {check.topic: check for check in examine_training(few, num_steps=4)}
    assert not checks["parameters"].passed
    assert checks["parameters"].is_fatal
    assert "receives gradients but does not change" in checks["training"].text


def test_too_few_steps_are_refused(few):
    with pytest.raises(InputError, match="2 steps show too little"):
        next(examine_training(few, num_steps=2))


def test_made_chains_are_helices_with_relatives():
    chain = made_chain(3, 24, 9)
    x = chain.positions

    def distances(one, other, apart):
        return np.linalg.norm(x[apart:, other] - x[: len(x) - apart, one], axis=-1)

    np.testing.assert_allclose(distances(C, N, 1), 1.33, atol=0.06)  # the peptide bond
    np.testing.assert_allclose(distances(CA, CA, 1), 3.8, atol=0.05)
    np.testing.assert_allclose(distances(O, N, 4), 2.9, atol=0.2)  # the hydrogen bond of a helix
    assert chain.alignment is not None
    assert len(chain.alignment) == 9
    assert chain.alignment.query == chain.sequence
    assert chain.sequence != made_chain(4, 24, 9).sequence
