"""No published checkpoint can be had here: names and layouts are those that OpenFold's own importer states."""

import re

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.weights import deepmind_af2, openfold
from foldwright.weights.openfold import checkpoint_of, short_name, state_dict_of, unwrap
from foldwright.weights.rule import rule_parameters

PREFIX = "alphafold/alphafold_iteration/"
BLOCK = f"{PREFIX}evoformer/evoformer_iteration/"
PAIR = r"(tri_mul_out|tri_mul_in|tri_att_start|tri_att_end|pair_transition)"
SHARED = r"(msa_transition|outer_product_mean)"


@pytest.fixture
def network(narrow):
    """Rule parameters of a narrow network in three forms: DeepMind's arrays, OpenFold's checkpoint, our parameters."""

    def make(preset):
        config = narrow(preset)
        arrays = rule_parameters(deepmind_af2.manifest(config))
        state = deepmind_af2.state_dict_of(config, arrays)
        return config, arrays, checkpoint_of(config, state), state

    return make


def of_june_2022(name):
    """The published checkpoints: blocks divided into a `core`, templates at the top, angles by another name."""
    name = re.sub(rf"(stack|evoformer)\.blocks\.(\d+)\.{PAIR}\.", r"\1.blocks.\2.core.\3.", name)
    name = re.sub(rf"blocks\.(\d+)\.{SHARED}\.", r"blocks.\1.core.\2.", name)
    name = name.replace("template_pair_stack.blocks.0.core", "template_pair_stack.blocks.0")
    name = name.replace("template_pair_stack.blocks.1.core", "template_pair_stack.blocks.1")
    name = re.sub(r"(evoformer\.blocks\.\d+\.msa_att_col)\.", r"\1._msa_att.", name)
    return name.replace("template_single_embedder.", "template_angle_embedder.")


def of_release_2(name):
    """Release 2: a `pair_stack`, everything of the templates under one module, points by a module of their own."""
    name = re.sub(rf"(extra_msa_stack|evoformer)\.blocks\.(\d+)\.{PAIR}\.", r"\1.blocks.\2.pair_stack.\3.", name)
    name = re.sub(r"(evoformer\.blocks\.\d+\.msa_att_col)\.", r"\1._msa_att.", name)
    name = re.sub(r"^(template_|linear_t\.)", r"template_embedder.\1", name)
    return re.sub(r"(ipa\.linear_\w+_points)\.", r"\1.linear.", name)


def of_2021(name):
    return name.replace("extra_msa_stack.", "extra_msa_stack.stack.")


LAYOUTS = [of_2021, of_june_2022, of_release_2, lambda name: "module.model." + of_release_2(name)]


@pytest.mark.parametrize("preset", ["model_1_ptm", "model_3", "model_1_multimer_v3"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=["2021", "june_2022", "release_2", "training"])
def test_every_published_layout_gives_the_same_parameters(preset, layout, network):
    config, _, checkpoint, state = network(preset)
    renamed = {layout(name): tensor.numpy() for name, tensor in checkpoint.items()}
    assert len(renamed) == len(checkpoint)
    assert sum(name not in checkpoint for name in renamed) > 2
    read = state_dict_of(config, renamed)
    assert read.keys() == state.keys()
    for name, tensor in read.items():
        assert torch.equal(tensor, state[name]), name


def test_names_of_release_2_are_those_of_its_importer():
    """From openfold/utils/import_weights.py at release 2."""
    for name in [
        "evoformer.blocks.3.pair_stack.tri_mul_out.linear_a_p.weight",
        "evoformer.blocks.3.core.tri_mul_out.linear_a_p.weight",
        "module.model.evoformer.blocks.3.tri_mul_out.linear_a_p.weight",
    ]:
        assert short_name(name) == "evoformer.blocks.3.tri_mul_out.linear_a_p.weight"
    assert short_name("template_embedder.template_single_embedder.linear_1.bias") == short_name(
        "template_angle_embedder.linear_1.bias"
    )
    assert short_name("structure_module.ipa.linear_q_points.linear.bias") == "structure_module.ipa.linear_q_points.bias"
    assert short_name("evoformer.linear.bias") == "evoformer.linear.bias"


def flat_out_in(array, inputs=1):
    """A DeepMind weight as OpenFold keeps it: inputs flattened, outputs flattened, [out, in]."""
    return array.reshape(np.prod(array.shape[:inputs]), -1).T


def test_the_monomer_checkpoint_agrees_with_openfolds_own_importer(network):
    """Which array goes where, restated from openfold/utils/import_weights.py, one of each kind."""
    _, arrays, checkpoint, _ = network("model_1_ptm")
    block = {key.removeprefix(BLOCK): array[0] for key, array in arrays.items() if key.startswith(BLOCK)}
    top = {key.removeprefix(PREFIX): array for key, array in arrays.items()}
    row, fold = "msa_row_attention_with_pair_bias", "structure_module/fold_iteration/"
    expected = {
        "evoformer.blocks.0.msa_att_row.mha.linear_q.weight": flat_out_in(block[f"{row}/attention//query_w"]),
        "evoformer.blocks.0.msa_att_row.mha.linear_g.bias": block[f"{row}/attention//gating_b"].reshape(-1),
        "evoformer.blocks.0.msa_att_row.mha.linear_o.weight": flat_out_in(block[f"{row}/attention//output_w"], 2),
        "evoformer.blocks.0.msa_att_row.linear_z.weight": block[f"{row}//feat_2d_weights"].T,
        "evoformer.blocks.0.msa_att_row.layer_norm_z.weight": block[f"{row}/feat_2d_norm//scale"],
        "evoformer.blocks.0.outer_product_mean.linear_out.weight": flat_out_in(
            block["outer_product_mean//output_w"], 2
        ),
        "evoformer.blocks.0.outer_product_mean.linear_2.bias": block["outer_product_mean/right_projection//bias"],
        "evoformer.blocks.0.tri_mul_out.linear_a_p.weight": (
            block["triangle_multiplication_outgoing/left_projection//weights"].T
        ),
        "evoformer.blocks.0.tri_mul_in.linear_a_p.weight": (
            block["triangle_multiplication_incoming/right_projection//weights"].T
        ),
        "evoformer.blocks.0.tri_mul_in.linear_b_g.bias": block["triangle_multiplication_incoming/left_gate//bias"],
        "evoformer.blocks.0.tri_mul_in.linear_z.bias": block[
            "triangle_multiplication_incoming/output_projection//bias"
        ],
        "evoformer.blocks.0.tri_att_end.linear.weight": block["triangle_attention_ending_node//feat_2d_weights"].T,
        "evoformer.linear.weight": top["evoformer/single_activations//weights"].T,
        "extra_msa_stack.blocks.0.msa_att_col.global_attention.linear_k.weight": (
            top["evoformer/extra_msa_stack/msa_column_global_attention/attention//key_w"][0].T
        ),
        "input_embedder.linear_relpos.weight": top["evoformer/pair_activiations//weights"].T,
        "input_embedder.linear_tf_z_j.weight": top["evoformer/right_single//weights"].T,
        "recycling_embedder.layer_norm_m.bias": top["evoformer/prev_msa_first_row_norm//offset"],
        "template_pointwise_att.mha.linear_v.weight": flat_out_in(
            top["evoformer/template_embedding/attention//value_w"]
        ),
        "template_single_embedder.linear_2.weight": top["evoformer/template_projection//weights"].T,
        "structure_module.ipa.linear_kv.weight": top[f"{fold}invariant_point_attention/kv_scalar//weights"].T,
        "structure_module.ipa.linear_kv_points.bias": top[f"{fold}invariant_point_attention/kv_point_local//bias"],
        "structure_module.ipa.linear_b.weight": top[f"{fold}invariant_point_attention/attention_2d//weights"].T,
        "structure_module.ipa.head_weights": top[f"{fold}invariant_point_attention//trainable_point_weights"],
        "structure_module.transition.layers.0.linear_3.bias": top[f"{fold}transition_2//bias"],
        "structure_module.angle_resnet.layers.1.linear_1.weight": top[f"{fold}rigid_sidechain/resblock1_1//weights"].T,
        "structure_module.bb_update.linear.weight": top[f"{fold}affine_update//weights"].T,
        "aux_heads.plddt.linear_3.bias": top["predicted_lddt_head/logits//bias"],
        "aux_heads.tm.linear.weight": top["predicted_aligned_error_head/logits//weights"].T,
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(checkpoint[name].numpy(), array, err_msg=name)
        assert array.std() > 1e-3, name


def test_the_multimer_checkpoint_agrees_with_openfolds_own_importer(network):
    _, arrays, checkpoint, _ = network("model_1_multimer_v3")
    block = {key.removeprefix(BLOCK): array[0] for key, array in arrays.items() if key.startswith(BLOCK)}
    top = {key.removeprefix(PREFIX): array for key, array in arrays.items()}
    fused = block["triangle_multiplication_incoming/projection//weights"].T
    half = len(fused) // 2
    single = "evoformer/template_embedding/single_template_embedding/"
    attention = "structure_module/fold_iteration/invariant_point_attention/"
    expected = {
        "evoformer.blocks.0.tri_mul_out.linear_ab_p.weight": (
            block["triangle_multiplication_outgoing/projection//weights"].T
        ),
        "evoformer.blocks.0.tri_mul_in.linear_ab_p.weight": np.concatenate([fused[half:], fused[:half]]),
        "input_embedder.linear_relpos.bias": top["evoformer/~_relative_encoding/position_activations//bias"],
        "template_pair_embedder.x_linear.weight": top[f"{single}template_pair_embedding_4//weights"][:, None],
        "template_pair_embedder.aatype_linear_1.weight": top[f"{single}template_pair_embedding_2//weights"].T,
        "template_pair_embedder.query_embedding_layer_norm.bias": top[f"{single}query_embedding_norm//offset"],
        "linear_t.weight": top["evoformer/template_embedding/output_linear//weights"].T,
        "template_single_embedder.template_projector.bias": top["evoformer/template_projection//bias"],
        "structure_module.ipa.linear_k.weight": flat_out_in(top[f"{attention}k_scalar_projection//weights"]),
        "structure_module.ipa.linear_v_points.weight": (
            flat_out_in(top[f"{attention}v_point_projection/point_projection//weights"])
        ),
        "structure_module.bb_update.linear.bias": top["structure_module/fold_iteration/quat_rigid/rigid//bias"],
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(checkpoint[name].numpy(), array, err_msg=name)


def test_unfused_multimer_checkpoints_are_read_too(network):
    config, _, checkpoint, state = network("model_1_multimer_v3")
    split = {}
    for name, tensor in checkpoint.items():
        if "linear_ab_" in name:
            first, second = tensor.chunk(2)
            split |= {name.replace("ab", "a"): first.numpy(), name.replace("ab", "b"): second.numpy()}
        else:
            split[name] = tensor.numpy()
    read = state_dict_of(config, split)
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"ema": {"params": state, "decay": 0.999}, "state_dict": {"model.x": torch.zeros(1)}, "epoch": 3},
        lambda state: {"state_dict": state, "global_step": 1},
        lambda state: {"model": state},
        lambda state: {"module": {"params": state}},
    ],
)
def test_parameters_are_found_inside_every_wrapping(wrap):
    state = {"a.weight": torch.ones(2), "a.bias": torch.zeros(2)}
    assert unwrap(wrap(state)) == state
    assert unwrap([1]) == {}


def test_missing_unused_and_misshapen_parameters_are_named_as_in_the_file(network):
    config, _, checkpoint, _ = network("model_1")
    arrays = {of_june_2022(name): tensor.numpy() for name, tensor in checkpoint.items()}
    arrays["aux_heads.tm.linear.weight"] = np.zeros((64, 12), np.float32)
    del arrays["evoformer.linear.bias"]
    arrays["evoformer.blocks.0.core.tri_mul_in.linear_g.bias"] = np.zeros(3, np.float32)
    with pytest.raises(InputError) as refusal:
        state_dict_of(config, arrays, file="x.pt")
    told = str(refusal.value)
    assert "1 missing: evoformer.linear.bias" in told
    assert "1 unused: aux_heads.tm.linear.weight" in told
    assert "evoformer.blocks.0.core.tri_mul_in.linear_g.bias is (3,), should be (12,)" in told


def test_one_parameter_in_two_layouts_is_refused(network):
    config, _, checkpoint, _ = network("model_1")
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.items()}
    arrays["module.evoformer.linear.bias"] = arrays["evoformer.linear.bias"]
    with pytest.raises(InputError, match="same parameter in two layouts"):
        state_dict_of(config, arrays)


def test_tables_of_chemistry_in_a_checkpoint_are_left_out(network):
    config, _, checkpoint, state = network("model_1")
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.items()}
    arrays["structure_module.default_frames"] = np.zeros((21, 8, 4, 4), np.float32)
    assert state_dict_of(config, arrays).keys() == state.keys()
    assert "structure_module.default_frames" in openfold.CONSTANTS
