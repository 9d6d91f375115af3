"""A run may begin with the parameters of another run, or with published ones."""

from dataclasses import replace

import pytest
import torch

from foldwright.errors import InputError
from foldwright.models.af2.presets import model_5
from foldwright.training import checkpoint
from foldwright.training.initial import begin_with, load_parameters
from foldwright.training.parallel import Processes
from foldwright.training.state import new_network, new_state


@pytest.fixture(scope="module")
def run_folder(recipe, tmp_path_factory):
    """A run whose averaged parameters are not its own."""
    state = new_state(recipe, new_network(recipe))
    for tensor in state.ema.state.values():
        tensor += torch.randn_like(tensor)
    run = tmp_path_factory.mktemp("run")
    checkpoint.save_checkpoint(run, state, recipe, Processes())
    return run, state


@pytest.mark.parametrize("is_file", [False, True])
def test_a_run_or_its_checkpoint_hands_on_the_averaged_parameters(recipe, run_folder, is_file):
    run, state = run_folder
    source = str(checkpoint.path_of(run, 0) if is_file else run)
    network = new_network(replace(recipe, seed=8))
    assert begin_with(network, load_parameters(source, recipe.model), source) == []
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, state.ema.state[name])


def test_a_head_that_was_not_trained_before_begins_anew(recipe, run_folder):
    run, state = run_folder
    config = replace(recipe.model, heads=replace(recipe.model.heads, is_pae_predicted=True))
    network = new_network(replace(recipe, model=config))
    assert begin_with(network, load_parameters(str(run), config), str(run)) == ["pae_head"]
    assert torch.equal(network.plddt_head.norm.weight, state.ema.state["plddt_head.norm.weight"])


def test_parameters_of_another_network_are_refused_by_name(recipe, run_folder):
    run, _ = run_folder
    config = replace(recipe.model, trunk=replace(recipe.model.trunk, num_blocks=2))
    with pytest.raises(InputError, match=r"trunk\.evoformer\.blocks\.1\..* is missing .*parameters in all"):
        begin_with(new_network(replace(recipe, model=config)), load_parameters(str(run), config), str(run))
    config = replace(recipe.model, trunk=replace(recipe.model.trunk, c_s=24))
    with pytest.raises(InputError, match=r"shape \(\d+, 16\), here it is \(\d+, 24\)"):
        begin_with(new_network(replace(recipe, model=config)), load_parameters(str(run), config), str(run))


def test_published_weights_come_through_the_importer(recipe, tmp_path, monkeypatch):
    """Generated parameters stand for published ones: they pass through the same tables."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path))
    config = replace(recipe.model, heads=replace(recipe.model.heads, c_plddt=128))
    network = new_network(replace(recipe, model=config))
    before = network.trunk.input_embedder.left.weight.clone()
    assert begin_with(network, load_parameters("rule:3", config), "rule:3") == []
    assert not torch.equal(network.trunk.input_embedder.left.weight, before)


def test_a_published_name_that_was_not_fetched_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="foldwright weights fetch"):
        load_parameters("model_5", model_5())
    with pytest.raises(InputError):
        load_parameters(str(tmp_path / "nothing.safetensors"), model_5())
