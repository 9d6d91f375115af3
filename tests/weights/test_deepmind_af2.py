"""The table of DeepMind's parameter files, against the manifests in ../shared/oracles/af2."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, StructureModule, TemplateEmbedder
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import preset
from foldwright.weights import deepmind_af2
from foldwright.weights.rule import rule_parameters

PUBLISHED = ["model_1", "model_3", "model_1_ptm", "model_3_ptm", "model_1_multimer_v3", "model_1_multimer_v2"]


@pytest.fixture
def published_manifest(oracle_file):
    return lambda name: {key: tuple(shape) for key, shape in json.loads(oracle_file(name).read_text()).items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_manifest_of_every_preset_is_the_published_one(name, published_manifest):
    published = published_manifest(f"manifest_{name}.json")
    assert deepmind_af2.manifest(preset(name), keys=published) == published


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("kind", ["", "_ptm", "_multimer_v3"])
def test_models_of_one_kind_share_a_manifest(number, kind):
    with_templates = kind == "_multimer_v3" or number < 3
    same = preset(f"model_1{kind}" if with_templates else f"model_3{kind}")
    ours = preset(f"model_{number}{kind}")
    assert replace(ours, features=same.features) == same


def tiny(base):
    """A preset cut down to a few thousand parameters."""
    trunk = Evoformer(
        num_blocks=3, c_m=8, c_z=8, c_s=12, msa_heads=2, c_msa_attention=4, pair_heads=2, c_pair_attention=4,
        c_triangle=6, c_outer=4, outer_product_first=base.trunk.outer_product_first,
    )  # fmt: skip
    structure = StructureModule(heads=3, c_hidden=4, c_angles=8)
    extra = ExtraMSAStack(num_blocks=2, c_e=4, msa_heads=2, c_msa_attention=2)
    templates = base.templates and TemplateEmbedder(c_t=8, heads=2, c_attention=4, c_triangle=6)
    return replace(base, trunk=trunk, structure=structure, extra_msa=extra, templates=templates)


def file_for(config: AF2, keys=()):
    return rule_parameters(deepmind_af2.manifest(config, keys))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_survives_the_way_in_and_out(name, published_manifest):
    config = tiny(preset(name))
    keys = list(published_manifest(f"manifest_{name}.json"))
    arrays = file_for(config, keys)
    assert arrays.keys() == set(keys)
    model = AlphaFold(config)
    deepmind_af2.import_params(model, arrays)
    back = deepmind_af2.arrays_of(model, keys=arrays)
    assert back.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)
        assert array.std() > 1e-3


def test_the_state_dict_needs_no_model():
    config = tiny(preset("model_1_ptm"))
    arrays, model = file_for(config), AlphaFold(config)
    deepmind_af2.import_params(model, arrays)
    state = deepmind_af2.state_dict_of(config, arrays)
    assert state.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=0, atol=0)


def test_a_network_without_memory_lacks_nothing_but_parameters():
    for name in ("model_1", "model_1_multimer_v3"):
        model = deepmind_af2.empty(preset(name))
        assert not list(model.buffers())
        assert sum(p.numel() for p in model.parameters()) > 9e7


def test_both_multimer_layouts_fill_the_same_network():
    config = tiny(preset("model_1_multimer_v3"))
    fused = AlphaFold(config)
    deepmind_af2.import_params(fused, file_for(config))
    unfused_keys = ["triangle_multiplication_outgoing/left_projection//weights"]
    unfused_file = deepmind_af2.arrays_of(fused, keys=unfused_keys)
    assert len(unfused_file) == len(file_for(config)) + 24
    again = AlphaFold(config)
    deepmind_af2.import_params(again, unfused_file)
    for name, value in fused.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize(("ours", "theirs"), [("model_1", "model_1_ptm"), ("model_3_ptm", "model_1_ptm")])
def test_the_file_of_another_model_is_refused_by_name(ours, theirs):
    arrays = file_for(tiny(preset(theirs)))
    with pytest.raises(InputError, match=r"params_x\.npz: .*unused: alphafold/") as error:
        deepmind_af2.import_params(AlphaFold(tiny(preset(ours))), arrays, file="params_x.npz")
    unused = arrays.keys() - deepmind_af2.manifest(tiny(preset(ours))).keys()
    assert all(key in str(error.value) for key in unused)


@pytest.mark.slow
def test_a_full_size_file_is_imported_in_seconds(published_manifest):
    manifest = published_manifest("manifest_model_1_ptm.json")
    arrays = {key: np.zeros(shape, dtype=np.float32) for key, shape in manifest.items()}
    state = deepmind_af2.state_dict_of(preset("model_1_ptm"), arrays)
    assert sum(value.numel() for value in state.values()) == sum(array.size for array in arrays.values())
