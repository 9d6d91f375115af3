"""Checkpoints: complete, whole or not at all, and only for the run they belong to."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from foldwright.errors import InputError
from foldwright.training import checkpoint
from foldwright.training.loop import RunOptions, begin, train
from foldwright.training.parallel import Processes
from foldwright.training.state import new_network, new_state


@pytest.fixture(scope="module")
def trained_once(recipe, made_examples, tmp_path_factory):
    recipe, run = replace(recipe, examples_per_step=1), tmp_path_factory.mktemp("run")
    return train(recipe, made_examples(recipe), run, RunOptions(stop_after=2)), recipe, run


@pytest.fixture
def trained(trained_once, tmp_path):
    """A state after two steps, and a folder of its run."""
    state, recipe, run = trained_once
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    return state, recipe, tmp_path


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def test_everything_a_run_needs_comes_back(trained):
    state, recipe, run = trained
    again = begin(recipe, run, RunOptions())
    assert again.step == state.step == 2
    assert same(dict(state.model.state_dict()), dict(again.model.state_dict()))
    assert same(state.ema.state, again.ema.state)
    for moment, tensors in state.moments().items():
        assert same(tensors, again.moments()[moment])
        assert any(tensor.any() for tensor in tensors.values())
    steps = {float(entry["step"]) for entry in again.optimiser.state.values()}
    assert steps == {2.0}
    assert not same(again.ema.state, dict(again.model.named_parameters()))


def test_the_file_says_how_it_was_made(trained):
    _, recipe, run = trained
    path = checkpoint.path_of(run, 2)
    found = checkpoint.read_header(path)
    assert (found.recipe, found.step) == (recipe, 2)
    with safe_open(path, "pt") as file:
        assert file.metadata()["examples"] == "2"
        kinds = {name.split(".")[0] for name in file.keys()}  # noqa: SIM118  not a mapping
    assert kinds == {"model", "ema", "optimiser"}


def test_another_recipe_is_refused_by_the_fields_that_differ(trained):
    _, recipe, run = trained
    wider = replace(recipe.model, trunk=replace(recipe.model.trunk, c_z=24))
    other = replace(recipe, seed=7, model=wider)
    with pytest.raises(InputError) as error:
        begin(other, run, RunOptions())
    assert "seed (there 3, now 7)" in str(error.value)
    assert "model.trunk.c_z (there 16, now 24)" in str(error.value)
    assert "learning_rate" not in str(error.value)


def test_a_run_may_be_made_longer_and_may_recompute(trained):
    _, recipe, run = trained
    assert begin(replace(recipe, num_steps=50, is_checkpointed=True), run, RunOptions()).step == 2


def test_a_full_disk_is_said_and_leaves_the_last_checkpoint(trained, made_examples, full_disk):
    _, recipe, run = trained
    before = checkpoint.path_of(run, 2).read_bytes()
    options = RunOptions(stop_after=3, keep_last=1)
    with full_disk(len(before) // 2), pytest.raises(InputError, match=r"step_00000003.*bytes are free there"):
        train(recipe, made_examples(recipe), run, options)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step_00000002.safetensors"]
    assert checkpoint.path_of(run, 2).read_bytes() == before
    assert train(recipe, made_examples(recipe), run, options).step == 3


def test_a_damaged_file_says_what_to_do(trained):
    _, recipe, run = trained
    path = checkpoint.path_of(run, 2)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="Delete it"):
        begin(recipe, run, RunOptions())


def test_only_the_last_and_the_marked_ones_are_kept(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for step in range(1, 11):
        checkpoint.path_of(tmp_path, step).touch()
    (tmp_path / "checkpoints" / "notes.txt").touch()
    checkpoint.remove_old(tmp_path, keep_last=2, keep_every=4)
    assert [checkpoint.NAME.fullmatch(path.name)[1][-2:] for path in checkpoint.checkpoints(tmp_path)] == [
        "04",
        "08",
        "09",
        "10",
    ]
    checkpoint.remove_old(tmp_path, keep_last=1, keep_every=None)
    assert len(checkpoint.checkpoints(tmp_path)) == 1
    assert (tmp_path / "checkpoints" / "notes.txt").exists()


def test_a_network_that_has_made_no_step_can_be_kept(recipe, tmp_path):
    state = new_state(recipe, new_network(recipe))
    checkpoint.save_checkpoint(tmp_path, state, recipe, Processes())
    again = begin(recipe, tmp_path, RunOptions())
    assert again.step == 0
    assert same(dict(state.model.state_dict()), dict(again.model.state_dict()))
