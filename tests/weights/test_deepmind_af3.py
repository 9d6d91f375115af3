"""The table of AlphaFold 3's arrays: complete, reversible, and strict about what a file holds.

Names and shapes of all arrays: ../shared/oracles/af3/manifest_af3.json. That every array goes where the released
program uses it is tested by what the layers compute: tests/models/af3.
"""

import json
from math import prod
from pathlib import Path

import pytest
import torch

from foldwright.errors import InputError
from foldwright.models.af3.presets import af3
from foldwright.weights import deepmind_af3
from foldwright.weights.mapping import check_table, entries
from foldwright.weights.rule import af3_rule_array, af3_rule_parameters

MANIFEST = Path(__file__).parents[3] / "shared" / "oracles" / "af3" / "manifest_af3.json"
HEAD = "diffuser/~/diffusion_head"
QUERY = f"{HEAD}/transformer/" + 2 * "__layer_stack_with_per_layer/" + "transformerq_projection"
PAIR = "diffuser/evoformer/__layer_stack_no_per_layer_1/trunk_pairformer"


@pytest.fixture
def arrays(narrow_af3):
    return af3_rule_parameters(deepmind_af3.manifest(narrow_af3))


def test_the_published_file_has_404_arrays_of_which_8_are_unused():
    shapes = deepmind_af3.manifest(af3())
    assert len(shapes) == 404
    assert sum(map(prod, shapes.values())) == 368_384_538
    assert shapes[f"{QUERY}//weights"] == (6, 4, 768, 16, 48)
    unused = deepmind_af3.unused_arrays(af3())
    names = ("embed_pair_distances", "embed_pair_offsets", "single_to_pair_cond_col", "single_to_pair_cond_row")
    prefixes = ("diffuser/evoformer_conditioning_", f"{HEAD}/diffusion_")
    assert sorted(unused) == sorted(f"{prefix}{name}//weights" for prefix in prefixes for name in names)


@pytest.mark.shared
def test_names_and_shapes_are_those_of_the_published_file():
    if not MANIFEST.exists():
        pytest.skip("needs ../shared")
    rows = json.loads(MANIFEST.read_text())["parameters"]
    assert deepmind_af3.manifest(af3()) == {f"{r['scope']}//{r['name']}": tuple(r["shape"]) for r in rows}


def test_every_parameter_is_in_the_table_once(narrow_af3):
    check_table(deepmind_af3.empty(narrow_af3), list(entries(deepmind_af3.table_of(narrow_af3))))


def test_arrays_come_back_as_they_were_but_for_the_unused(narrow_af3, arrays):
    model = deepmind_af3.empty(narrow_af3)
    model.load_state_dict(deepmind_af3.state_dict_of(narrow_af3, arrays), assign=True)
    written = deepmind_af3.arrays_of(model)
    assert written.keys() == arrays.keys()
    unused = deepmind_af3.unused_arrays(narrow_af3)
    for key, array in arrays.items():
        assert (written[key] == (0 if key in unused else array)).all(), key
        assert array.std() > 0, key


def test_blocks_that_are_grouped_are_counted_group_by_group(narrow_af3, arrays):
    state = deepmind_af3.state_dict_of(narrow_af3, arrays)
    stored = torch.from_numpy(af3_rule_array(f"{QUERY}//weights", (3, 2, 16, 4, 4)))
    ours = state["diffusion.transformer.blocks.3.attention.core.query.weight"]
    torch.testing.assert_close(ours, stored[1, 1].flatten(1).T)
    bias = arrays[f"{HEAD}/transformer/__layer_stack_with_per_layer/pair_logits_projection//weights"]
    assert bias.shape == (3, 12, 2, 4)
    torch.testing.assert_close(
        state["diffusion.transformer.pair_bias.1.weight"], torch.from_numpy(bias[1]).flatten(1).T
    )


def test_left_and_right_take_turns_in_triangle_multiplication(narrow_af3, arrays):
    state = deepmind_af3.state_dict_of(narrow_af3, arrays)
    both = torch.from_numpy(arrays[f"{PAIR}/triangle_multiplication_outgoing/projection//weights"][2])
    path = "trunk.pairformer.blocks.2.pair.triangle_multiplication_outgoing"
    torch.testing.assert_close(state[f"{path}.left.weight"], both[:, 0::2].T)
    torch.testing.assert_close(state[f"{path}.right.weight"], both[:, 1::2].T)


def test_queries_of_triangle_attention_have_their_inputs_last_and_values_first(narrow_af3, arrays):
    state = deepmind_af3.state_dict_of(narrow_af3, arrays)
    path = "trunk.pairformer.blocks.0.pair.triangle_attention_ending.core"
    query, value = (torch.from_numpy(arrays[f"{PAIR}/pair_attention2/{x}_projection//weights"][0]) for x in "qv")
    torch.testing.assert_close(state[f"{path}.query.weight"], query.flatten(0, 1))
    torch.testing.assert_close(state[f"{path}.value.weight"], value.flatten(1).T)


def test_what_is_missing_unknown_or_of_another_shape_is_named(narrow_af3, arrays):
    del arrays[f"{QUERY}//bias"]
    arrays["diffuser/invented//weights"] = arrays.pop(f"{HEAD}/output_norm//scale")
    dead = f"{HEAD}/diffusion_embed_pair_offsets//weights"
    arrays[dead] = arrays[dead][:2]
    with pytest.raises(InputError) as refused:
        deepmind_af3.state_dict_of(narrow_af3, arrays, file="af3.bin")
    told = str(refused.value)
    assert told.startswith("af3.bin: ")
    assert f"2 missing: {HEAD}/output_norm//scale, {QUERY}//bias" in told
    assert "1 unused: diffuser/invented//weights" in told
    assert f"{dead} is (2, 4), should be (3, 4)" in told
