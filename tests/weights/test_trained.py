"""Networks whose files say what they are: checkpoints, exported files, and what they refuse."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import save_file

from foldwright.errors import InputError
from foldwright.models.af2.model import AlphaFold
from foldwright.weights.store import load_network
from foldwright.weights.trained import CHECKPOINT_FORMAT, export_network, find_trained


@pytest.fixture
def config(narrow):
    """A network of no official size."""
    official = narrow("model_3_ptm")
    return replace(official, recycling=replace(official.recycling, num_recycles=1))


@pytest.fixture
def run(tmp_path, config):
    """The folder of a training run with two checkpoints; the averaged parameters are those of the last, plus one."""

    def save(step, header=None):
        torch.manual_seed(step)
        state = {name: p.detach() for name, p in AlphaFold(config).named_parameters()}
        tensors = {f"model.{k}": v for k, v in state.items()} | {f"ema.{k}": v + 1 for k, v in state.items()}
        recipe = {"name": "narrow", "model": asdict(config), "variant": "alphafold"}
        header = header or {"recipe": json.dumps(recipe), "step": str(step), "examples": str(4 * step)}
        path = tmp_path / "run" / "checkpoints" / f"step_{step:08d}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, {"format": CHECKPOINT_FORMAT, **header})
        return state

    save(9)
    return tmp_path / "run", save(10), save


def test_a_run_gives_the_averaged_parameters_of_its_last_checkpoint(run, config):
    folder, state, _ = run
    found = find_trained(folder)
    assert (found.name, found.config, found.note["step"]) == ("narrow", config, 10)
    model, info = load_network(folder, found.config)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), state[name] + 1)
    assert info.preset == "narrow"
    assert info.source.endswith("step_00000010.safetensors")


def test_an_exported_network_is_smaller_and_says_what_it_is(run, tmp_path, config):
    folder, state, _ = run
    written = export_network(find_trained(folder), tmp_path / "out.safetensors", "small", licence="CC0")
    assert (written.name, written.config, written.licence) == ("small", config, "CC0")
    assert written.note["recipe"]["name"] == "narrow"
    loaded = written.state()
    assert all(tensor.dtype == torch.float32 for tensor in loaded.values())
    for name, tensor in state.items():
        torch.testing.assert_close(loaded[name], tensor + 1, rtol=1e-3, atol=1e-3)
    assert written.path.stat().st_size < 0.4 * (folder / "checkpoints/step_00000010.safetensors").stat().st_size


def test_a_changed_byte_of_an_exported_network_is_noticed(run, tmp_path):
    written = export_network(find_trained(run[0]), tmp_path / "out.safetensors")
    data = bytearray(written.path.read_bytes())
    data[-7] ^= 1
    written.path.write_bytes(data)
    with pytest.raises(InputError, match="numbers are not those that were written"):
        find_trained(written.path).state()


def test_another_name_than_the_one_in_the_file_is_refused(run):
    with pytest.raises(InputError, match="holds the network narrow, not model_1"):
        find_trained(run[0], "model_1")


def test_sizes_that_are_not_those_of_the_training_are_refused(run, config):
    wider = replace(config, trunk=replace(config.trunk, c_m=24))
    with pytest.raises(InputError, match=r"parameter trunk\..* is \(.*\) in this file"):
        load_network(run[0], wider)


def test_an_ablated_network_is_not_built_as_alphafold(run, config):
    folder, _, save = run
    recipe = {"name": "narrow", "model": asdict(config), "variant": "no_ipa"}
    save(11, {"recipe": json.dumps(recipe), "step": "11", "examples": "44"})
    with pytest.raises(InputError, match="variant no_ipa"):
        load_network(folder, config)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ({"trunk": {"c_m": "wide"}}, r"trunk\.c_m is 'wide' and should be of type int"),
        ({"trunk": {"c_q": 3}}, r"no field trunk\.c_q"),
        ({"is_multimer": 1}, "is_multimer is 1 and should be of type bool"),
        ([], "should be a group of fields"),
    ],
)
def test_a_header_that_cannot_be_a_configuration_is_named(run, model, complaint):
    folder, _, save = run
    recipe = {"name": "narrow", "model": model, "variant": "alphafold"}
    save(12, {"recipe": json.dumps(recipe), "step": "12", "examples": "48"})
    with pytest.raises(InputError, match=complaint):
        find_trained(folder)


def test_a_run_without_checkpoints_says_so(tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(InputError, match="no checkpoint yet"):
        find_trained(tmp_path)


def test_files_that_say_nothing_about_themselves_are_left_to_others(tmp_path, run):
    save_file({"a": torch.ones(2)}, tmp_path / "plain.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    assert [find_trained(tmp_path / name) for name in ("plain.safetensors", "broken.safetensors", "no")] == [None] * 3
    assert find_trained(tmp_path) is None
    assert find_trained(None, "model_1") is None
