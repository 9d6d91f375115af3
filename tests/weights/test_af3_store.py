"""AlphaFold 3's parameters from a file as it is published: terms first, then converted once and found from then on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.models.af3.config import Sampling
from foldwright.weights import deepmind_af3, terms
from foldwright.weights.af3_records import BFLOAT16, IDENTIFIER, write_records
from foldwright.weights.af3_store import import_af3, load_af3, load_af3_weights
from foldwright.weights.catalog import AF3_PARAMETERS
from foldwright.weights.library import cache_folder
from foldwright.weights.rule import af3_rule_parameters


@pytest.fixture
def arrays(narrow_af3):
    return af3_rule_parameters(deepmind_af3.manifest(narrow_af3))


@pytest.fixture
def published(tmp_path, arrays):
    """As Google DeepMind sends it: some arrays in bfloat16, and a name of the release."""
    stored = {key: BFLOAT16 for key in arrays if "/trunk_pairformer/" in key and key.endswith("//weights")}
    path = tmp_path / "af3.bin"
    write_records(path, arrays | {IDENTIFIER: np.arange(64, dtype=np.uint8)}, stored)
    return path


@pytest.fixture
def _accepted():
    terms.accept(AF3_PARAMETERS)


def test_nothing_is_read_before_the_terms_are_accepted(published, narrow_af3):
    with pytest.raises(InputError) as refused:
        load_af3(published, narrow_af3)
    assert "no commercial use" in str(refused.value)
    assert f"weights import {published} --model af3 --accept-terms" in str(refused.value)
    terms.accept(AF3_PARAMETERS)
    assert load_af3(published, narrow_af3).config == narrow_af3


@pytest.mark.usefixtures("_accepted")
def test_a_published_file_is_converted_once(published, narrow_af3, arrays):
    model = load_af3(published, narrow_af3)
    weight = model.state_dict()["trunk.pairformer.blocks.1.single_transition.contract.weight"]
    stack = "diffuser/evoformer/__layer_stack_no_per_layer_1/trunk_pairformer"
    exact = torch.from_numpy(arrays[f"{stack}/single_transition/transition2//weights"][1].T)
    torch.testing.assert_close(weight, exact.bfloat16().float(), rtol=0, atol=0)
    assert not torch.equal(weight, exact)
    (kept,) = (cache_folder() / "converted").glob("af3-*.safetensors")
    before = kept.stat().st_mtime_ns
    state, info = load_af3_weights(published, replace(narrow_af3, num_recycles=0, sampling=Sampling(num_steps=3)))
    assert kept.stat().st_mtime_ns == before
    assert torch.equal(state["trunk.pairformer.blocks.1.single_transition.contract.weight"], weight)
    assert (info.source, info.preset) == (str(published), "af3")
    assert info.licence.startswith("AlphaFold 3 Model Parameters Terms of Use")
    assert load_af3(kept, narrow_af3).config == narrow_af3


@pytest.mark.usefixtures("_accepted")
def test_what_was_imported_is_found_without_a_name(published, narrow_af3):
    with pytest.raises(InputError, match="weights import FILE --model af3"):
        load_af3(None, narrow_af3)
    target, info = import_af3(published, narrow_af3)
    published.unlink()
    state, found = load_af3_weights(None, narrow_af3)
    assert target.is_file()
    assert (found.source, found.sha256, found.licence) == (info.source, info.sha256, info.licence)
    assert state.keys() == deepmind_af3.empty(narrow_af3).state_dict().keys()


@pytest.mark.usefixtures("_accepted")
def test_a_file_in_parts_and_its_folder_are_the_same_parameters(published, narrow_af3, tmp_path):
    whole = published.read_bytes()
    parts = tmp_path / "parts"
    parts.mkdir()
    for i, piece in enumerate((whole[:50_000], whole[50_000:])):
        (parts / f"af3.{i}.bin").write_bytes(piece)
    expected, _ = load_af3_weights(published, narrow_af3)
    for source in (parts, parts / "af3.1.bin"):
        state, info = load_af3_weights(source, narrow_af3)
        assert all(torch.equal(state[name], expected[name]) for name in expected)
        assert info.source == str(parts / "af3.0.bin")


@pytest.mark.usefixtures("_accepted")
def test_parameters_of_another_network_are_refused(published, narrow_af3):
    other = replace(narrow_af3, pairformer=replace(narrow_af3.pairformer, num_blocks=2))
    with pytest.raises(InputError, match=r"trunk_pairformer.* is \(3, .*should be \(2, "):
        load_af3(published, other)
    assert not (cache_folder() / "converted").exists()
    import_af3(published, narrow_af3)
    with pytest.raises(InputError, match=r"unused: trunk\.pairformer\.blocks\.2"):
        load_af3(None, other)


def test_the_rule_makes_parameters_by_salt(narrow_af3):
    state, info = load_af3_weights("rule", narrow_af3)
    salted, other = load_af3_weights("rule:3", narrow_af3)
    name = "diffusion.single.weight"
    assert (info.is_rule, other.is_rule) == (True, True)
    assert info.sha256 != other.sha256
    assert (state[name] - salted[name]).abs().max() > 0.1
    with pytest.raises(InputError, match="whole number"):
        load_af3("rule:pepper", narrow_af3)
