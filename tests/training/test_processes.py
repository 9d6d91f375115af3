"""However a run is executed, its first steps have the same losses within rounding.

Two processes beside one are in test_parallel.py, a killed run beside a whole one in test_loop.py.
"""

import csv
from dataclasses import replace

import pytest

from foldwright import kernels
from foldwright.kernels.fast import Fast
from foldwright.training.loop import train

STEPS = 20


@pytest.fixture(scope="module")
def recipe(recipe):
    """One example a step."""
    return replace(recipe, num_steps=STEPS, examples_per_step=1)


def losses(run):
    with open(run / "metrics.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def with_kernels(recipe, made_examples, tmp_path_factory):
    """The losses of a run as it is by default: kernels installed, nothing recomputed."""
    run = tmp_path_factory.mktemp("runs") / "installed"
    train(recipe, made_examples(recipe), run)
    return losses(run)


def test_kernels_for_training_have_the_losses_of_the_textbook(
    recipe, made_examples, tmp_path, with_kernels, monkeypatch
):
    textbook = []

    def leave(model, plan):
        assert not any(isinstance(layer, Fast) for layer in model.modules())
        textbook.append(model)
        return model

    monkeypatch.setattr(kernels, "install", leave)
    train(recipe, made_examples(recipe), tmp_path / "textbook")
    assert textbook
    assert losses(tmp_path / "textbook") == pytest.approx(with_kernels, rel=1e-4)
    assert len(set(with_kernels)) == STEPS


def test_recomputed_blocks_have_the_same_losses(recipe, made_examples, tmp_path, with_kernels):
    recipe = replace(recipe, is_checkpointed=True)
    train(recipe, made_examples(recipe), tmp_path / "recomputed")
    assert losses(tmp_path / "recomputed") == pytest.approx(with_kernels, rel=1e-4)
