"""A run: it learns, goes on exactly where it was stopped, and stops in order."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from foldwright.errors import InputError, TrainingError
from foldwright.training import checkpoint
from foldwright.training.folder import only_run_in
from foldwright.training.interrupts import Stopped
from foldwright.training.loop import RunOptions, begin, train
from foldwright.training.progress import Silent


def tensors(run, step):
    parts = checkpoint.read_tensors(checkpoint.path_of(run, step), ("model", "ema", "optimiser"))
    return {f"{part}.{name}": tensor for part, named in parts.items() for name, tensor in named.items()}


def assert_same_run(one, other, step):
    assert (one / "metrics.csv").read_text() == (other / "metrics.csv").read_text()
    left, right = tensors(one, step), tensors(other, step)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_an_interrupted_run_ends_as_one_that_was_not(recipe, made_examples, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, made_examples(recipe), whole)
    train(recipe, made_examples(recipe), parts, RunOptions(checkpoint_every=2, stop_after=3))
    checkpoint.path_of(parts, 3).unlink()  # killed after step 3, before its checkpoint
    train(recipe, made_examples(recipe), parts)
    assert_same_run(whole, parts, recipe.num_steps)
    lines = (whole / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + recipe.num_steps
    assert len({line.split(",", 5)[5] for line in lines[1:]}) == recipe.num_steps


KILLED = """
import sys, os, signal
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[2])
from conftest import MadeExamples, small_recipe
from foldwright.training.loop import RunOptions, train
from foldwright.training.progress import Silent

class Killing(Silent):
    def step(self, result, examples_per_second):
        if result.step == 5:
            os.kill(os.getpid(), signal.SIGKILL)

recipe = small_recipe()
train(recipe, MadeExamples(recipe), Path(sys.argv[1]), RunOptions(checkpoint_every=2), report=Killing())
"""


def test_a_run_that_was_killed_goes_on_bit_for_bit(recipe, made_examples, tmp_path, forkserver):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = forkserver(KILLED, killed, Path(__file__).parent)
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    assert (killed / "metrics.csv").read_text().count("\n") == 6
    assert [path.name[-13] for path in checkpoint.checkpoints(killed)] == ["2", "4"]
    train(recipe, made_examples(recipe), killed)
    train(recipe, made_examples(recipe), whole)
    assert_same_run(whole, killed, recipe.num_steps)


def test_the_loss_of_a_few_chains_falls(recipe, made_examples, tmp_path):
    recipe = replace(recipe, num_steps=12)
    train(recipe, made_examples(recipe), tmp_path)
    losses = column(tmp_path, "distogram")
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def column(run, name):
    head, *rows = (line.split(",") for line in (run / "metrics.csv").read_text().splitlines())
    return [float(row[head.index(name)]) for row in rows]


def test_a_finished_run_makes_no_further_step(recipe, made_examples, tmp_path):
    recipe = replace(recipe, num_steps=1, examples_per_step=1)
    train(recipe, made_examples(recipe), tmp_path)
    before = (tmp_path / "metrics.csv").read_text()
    assert train(recipe, made_examples(recipe), tmp_path).step == 1
    assert (tmp_path / "metrics.csv").read_text() == before


def test_examples_taken_together_count_as_one_gradient(recipe, made_examples, tmp_path):
    recipe = replace(recipe, num_steps=1)
    train(recipe, made_examples(recipe), tmp_path / "one")
    together = replace(recipe, examples_at_once=2)
    train(together, made_examples(together), tmp_path / "two")
    (one,), (two,) = column(tmp_path / "one", "distogram"), column(tmp_path / "two", "distogram")
    assert one == pytest.approx(two, rel=1e-4)  # dropout differs, the distogram starts from zero
    assert column(tmp_path / "one", "gradient_norm") != column(tmp_path / "two", "gradient_norm")


class Asking(Silent):
    """Sends the process a signal after a step."""

    def __init__(self, number, after):
        self.number, self.after = number, after

    def step(self, result, examples_per_second):
        if result.step == self.after:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_request_to_stop_is_granted_with_a_checkpoint(recipe, made_examples, tmp_path, number, code):
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped:
        train(recipe, made_examples(recipe), tmp_path, report=Asking(number, after=2))
    assert stopped.value.exit_code == code
    assert [path.name for path in checkpoint.checkpoints(tmp_path)] == ["step_00000002.safetensors"]
    assert signal.getsignal(number) is before


def test_a_long_step_is_given_up_when_asked(recipe, made_examples, tmp_path):
    recipe = replace(recipe, examples_per_step=10_000)
    threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    start = time.monotonic()
    with pytest.raises(Stopped):
        train(recipe, made_examples(recipe), tmp_path)
    assert time.monotonic() - start < 60
    assert not checkpoint.checkpoints(tmp_path)


def size(tensors):
    return float(sum(tensor.detach().norm() for tensor in tensors))


def test_the_averaged_parameters_are_evaluated(recipe, made_examples, tmp_path):
    seen = []

    def evaluate(model):
        seen.append(not model.training and not torch.is_grad_enabled())
        return {"size": size(model.parameters())}

    recipe = replace(recipe, num_steps=2, examples_per_step=1)
    state = train(recipe, made_examples(recipe), tmp_path, RunOptions(evaluate_every=1), evaluate=evaluate)
    assert seen == [True, True]
    assert state.model.training
    last = (tmp_path / "evaluation.csv").read_text().splitlines()[-1]
    assert float(last.split(",")[1]) == size(state.ema.state.values())
    assert float(last.split(",")[1]) != size(state.model.parameters())


class Damaged:
    """Examples of which one has a coordinate that is not a number."""

    def __init__(self, examples, number):
        self.examples, self.number = examples, number

    def draw(self, number, num_passes):
        example = self.examples.draw(number, num_passes)
        if number == self.number:
            example.passes[-1].msa.feat[..., 0] = float("nan")
        return example

    def collate(self, examples):
        return self.examples.collate(examples)


def test_a_loss_that_is_no_number_stops_the_run_and_names_its_origin(recipe, made_examples, tmp_path):
    with pytest.raises(TrainingError) as error:
        train(recipe, Damaged(made_examples(recipe), 6), tmp_path, RunOptions(checkpoint_every=1))
    assert "step 2" in str(error.value)
    assert "made_6" in str(error.value)
    assert "the network is given values that are not finite" in str(error.value)
    assert checkpoint.checkpoints(tmp_path) == [checkpoint.path_of(tmp_path, 1)]
    assert all(tensor.isfinite().all() for tensor in tensors(tmp_path, 1).values())


def test_a_folder_is_trained_in_by_one_process(recipe, made_examples, tmp_path):
    with only_run_in(tmp_path), pytest.raises(InputError, match="another process"):
        train(recipe, made_examples(recipe), tmp_path)
    with only_run_in(tmp_path):
        pass


def test_training_makes_every_pass_that_was_drawn(recipe, tmp_path):
    """A network that would stop recycling early in prediction does not in training."""
    recycling = replace(recipe.model.recycling, tolerance=1e9)
    state = begin(replace(recipe, model=replace(recipe.model, recycling=recycling)), tmp_path, RunOptions())
    assert not state.model.has_settled(0.1)
