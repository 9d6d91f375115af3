"""DeepMind's `params_*.npz` of AlphaFold 2, scope by scope, and where each array goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, StructureModule, TemplateEmbedder
from foldwright.models.af2.model import AlphaFold
from foldwright.weights import mapping
from foldwright.weights.mapping import (
    Column,
    Flat,
    FromHeads,
    HeadPoints,
    Joint,
    Same,
    Stacked,
    Table,
    ToHeads,
    Transposed,
)

LAYER_NORM: Table = {"scale": Same("weight"), "offset": Same("bias")}
LINEAR: Table = {"weights": Transposed("weight"), "bias": Same("bias")}
LINEAR_OF_NUMBER: Table = {"weights": Column("weight"), "bias": Same("bias")}

TRANSITION: Table = {
    "input_layer_norm": ("norm", LAYER_NORM),
    "transition1": ("expand", LINEAR),
    "transition2": ("contract", LINEAR),
}

UNFUSED: Table = {
    "layer_norm_input": ("norm", LAYER_NORM),
    "left_projection": ("left", LINEAR),
    "right_projection": ("right", LINEAR),
    "left_gate": ("left_gate", LINEAR),
    "right_gate": ("right_gate", LINEAR),
    "center_layer_norm": ("center_norm", LAYER_NORM),
    "gating_linear": ("gate", LINEAR),
    "output_projection": ("out", LINEAR),
}

FUSED: Table = {  # multimer v3
    "left_norm_input": ("norm", LAYER_NORM),
    "projection": ("", {"weights": Joint("left.weight", "right.weight"), "bias": Joint("left.bias", "right.bias")}),
    "gate": (
        "",
        {
            "weights": Joint("left_gate.weight", "right_gate.weight"),
            "bias": Joint("left_gate.bias", "right_gate.bias"),
        },
    ),
    "center_norm": ("center_norm", LAYER_NORM),
    "gating_linear": ("gate", LINEAR),
    "output_projection": ("out", LINEAR),
}


def ungated_attention(heads: int) -> Table:
    """Queries, keys, values and output, heads kept as an axis of their own in the file."""
    return {
        "query_w": ToHeads("query.weight", heads),
        "key_w": ToHeads("key.weight", heads),
        "value_w": ToHeads("value.weight", heads),
        "output_w": FromHeads("out.weight", heads),
        "output_b": Same("out.bias"),
    }


def attention(heads: int) -> Table:
    """The same with a gate on the output."""
    gate: Table = {"gating_w": ToHeads("gate.weight", heads), "gating_b": Flat("gate.bias", heads)}
    return {**ungated_attention(heads), **gate}


def global_attention(heads: int) -> Table:
    """The same with one key and one value for all heads."""
    shared: Table = {"key_w": Transposed("key.weight"), "value_w": Transposed("value.weight")}
    return {**attention(heads), **shared}


def row_attention(heads: int) -> Table:
    return {
        "query_norm": ("norm", LAYER_NORM),
        "feat_2d_norm": ("pair_norm", LAYER_NORM),
        "feat_2d_weights": Transposed("bias.weight"),
        "attention": ("core", attention(heads)),
    }


def column_attention(heads: int) -> Table:
    return {"query_norm": ("norm", LAYER_NORM), "attention": ("core", attention(heads))}


def column_global_attention(heads: int) -> Table:
    return {"query_norm": ("norm", LAYER_NORM), "attention": ("", global_attention(heads))}


def triangle_attention(heads: int) -> Table:
    return {
        "query_norm": ("norm", LAYER_NORM),
        "feat_2d_weights": Transposed("bias.weight"),
        "attention": ("core", attention(heads)),
    }


def outer_product_mean(c_hidden: int) -> Table:
    return {
        "layer_norm_input": ("norm", LAYER_NORM),
        "left_projection": ("left", LINEAR),
        "right_projection": ("right", LINEAR),
        "output_w": FromHeads("out.weight", c_hidden),
        "output_b": Same("out.bias"),
    }


def pair_block(heads: int, triangle_multiplication: Table) -> Table:
    return {
        "triangle_multiplication_outgoing": ("triangle_multiplication_outgoing", triangle_multiplication),
        "triangle_multiplication_incoming": ("triangle_multiplication_incoming", triangle_multiplication),
        "triangle_attention_starting_node": ("triangle_attention_starting", triangle_attention(heads)),
        "triangle_attention_ending_node": ("triangle_attention_ending", triangle_attention(heads)),
        "pair_transition": ("pair_transition", TRANSITION),
    }


def in_submodule(path: str, table: Table) -> Table:
    """A table whose scopes lie in a submodule of ours that the file does not know."""
    moved: dict[str, Any] = {}
    for scope, item in table.items():
        assert isinstance(item, tuple), "only scopes can be moved"
        moved[scope] = (f"{path}.{item[0]}", item[1])
    return moved


def evoformer_block(trunk: Evoformer, triangle_multiplication: Table) -> Table:
    return {
        "msa_row_attention_with_pair_bias": ("row_attention", row_attention(trunk.msa_heads)),
        "msa_column_attention": ("column_attention", column_attention(trunk.msa_heads)),
        "msa_transition": ("msa_transition", TRANSITION),
        "outer_product_mean": ("outer_product_mean", outer_product_mean(trunk.c_outer)),
        **in_submodule("pair", pair_block(trunk.pair_heads, triangle_multiplication)),
    }


def extra_msa_block(trunk: Evoformer, extra: ExtraMSAStack, triangle_multiplication: Table) -> Table:
    return {
        "msa_row_attention_with_pair_bias": ("row_attention", row_attention(extra.msa_heads)),
        "msa_column_global_attention": ("column_attention", column_global_attention(extra.msa_heads)),
        "msa_transition": ("msa_transition", TRANSITION),
        "outer_product_mean": ("outer_product_mean", outer_product_mean(trunk.c_outer)),
        **in_submodule("pair", pair_block(trunk.pair_heads, triangle_multiplication)),
    }


def monomer_template_embedding(config: TemplateEmbedder) -> Table:
    single, block = "single_template_embedding", pair_block(config.heads, UNFUSED)
    stack = f"{single}/template_pair_stack/__layer_stack_no_state"
    return {
        f"{single}/embedding2d": ("embed", LINEAR),
        stack: Stacked("stack.blocks.{i}", block, config.num_blocks),
        f"{single}/output_layer_norm": ("stack.norm", LAYER_NORM),
        "attention": ("attention.core", ungated_attention(config.heads)),
    }


def multimer_template_embedding(config: TemplateEmbedder, triangle_multiplication: Table) -> Table:
    single, block = "single_template_embedding", pair_block(config.heads, triangle_multiplication)
    return {
        f"{single}/template_pair_embedding_0": ("distance", LINEAR),
        f"{single}/template_pair_embedding_1": ("is_resolved", LINEAR_OF_NUMBER),
        f"{single}/template_pair_embedding_2": ("aatype_column", LINEAR),
        f"{single}/template_pair_embedding_3": ("aatype_row", LINEAR),
        f"{single}/template_pair_embedding_4": ("unit_vector_x", LINEAR_OF_NUMBER),
        f"{single}/template_pair_embedding_5": ("unit_vector_y", LINEAR_OF_NUMBER),
        f"{single}/template_pair_embedding_6": ("unit_vector_z", LINEAR_OF_NUMBER),
        f"{single}/template_pair_embedding_7": ("has_backbone", LINEAR_OF_NUMBER),
        f"{single}/template_pair_embedding_8": ("query", LINEAR),
        f"{single}/query_embedding_norm": ("query_norm", LAYER_NORM),
        f"{single}/template_embedding_iteration": Stacked("stack.blocks.{i}", block, config.num_blocks),
        f"{single}/output_layer_norm": ("stack.norm", LAYER_NORM),
        "output_linear": ("out", LINEAR),
    }


TEMPLATE_ROWS: Table = {
    "template_single_embedding": ("template_rows.embed", LINEAR),
    "template_projection": ("template_rows.project", LINEAR),
}

INPUT_EMBEDDER: Table = {
    "preprocess_1d": ("input_embedder.target", LINEAR),
    "preprocess_msa": ("input_embedder.msa", LINEAR),
    "left_single": ("input_embedder.left", LINEAR),
    "right_single": ("input_embedder.right", LINEAR),
    "extra_msa_activations": ("extra_msa_embedder.out", LINEAR),
    "prev_pos_linear": ("recycling_embedder.distance", LINEAR),
    "prev_pair_norm": ("recycling_embedder.pair_norm", LAYER_NORM),
    "prev_msa_first_row_norm": ("recycling_embedder.msa_norm", LAYER_NORM),
    "single_activations": ("evoformer.single", LINEAR),
}

MONOMER_RELATIVE_POSITION: Table = {
    "pair_activiations": ("input_embedder.relative_position.out", LINEAR),  # the published spelling
}
MULTIMER_RELATIVE_POSITION: Table = {
    "~_relative_encoding/position_activations": ("input_embedder.relative_position.out", LINEAR),
}


def trunk(config: AF2, triangle_multiplication: Table) -> Table:
    """The scope `evoformer`: everything before the structure module."""
    evoformer = evoformer_block(config.trunk, triangle_multiplication)
    extra = extra_msa_block(config.trunk, config.extra_msa, triangle_multiplication)
    return {
        **INPUT_EMBEDDER,
        **(MULTIMER_RELATIVE_POSITION if config.is_multimer else MONOMER_RELATIVE_POSITION),
        **templates(config, triangle_multiplication),
        "extra_msa_stack": Stacked("extra_msa_stack.blocks.{i}", extra, config.extra_msa.num_blocks),
        "evoformer_iteration": Stacked("evoformer.blocks.{i}", evoformer, config.trunk.num_blocks),
    }


def templates(config: AF2, triangle_multiplication: Table) -> Table:
    """The pair term and the rows of the templates, where the network has them."""
    if config.templates is None:
        return {}
    if config.is_multimer:
        pair_term = multimer_template_embedding(config.templates, triangle_multiplication)
    else:
        pair_term = monomer_template_embedding(config.templates)
    return {"template_embedding": ("template_embedder", pair_term), **TEMPLATE_ROWS}


def joint_point_attention(sizes: StructureModule) -> Table:
    """Invariant point attention of the monomer: keys and values projected together."""
    heads, points = sizes.heads, (sizes.num_query_points, sizes.num_value_points)
    return {
        "q_scalar": ("query", LINEAR),
        "kv_scalar": (
            "",
            {"weights": Joint("key.weight", "value.weight", heads), "bias": Joint("key.bias", "value.bias", heads)},
        ),
        "q_point_local": ("query_points", LINEAR),
        "kv_point_local": (
            "",
            {
                "weights": Joint("key_points.weight", "value_points.weight", 3 * heads, points),
                "bias": Joint("key_points.bias", "value_points.bias", 3 * heads, points),
            },
        ),
        **POINT_ATTENTION,
    }


def separate_point_attention(sizes: StructureModule) -> Table:
    """Invariant point attention of the multimer: every projection on its own, the scalar ones without bias."""
    heads = sizes.heads
    points: Table = {"weights": HeadPoints("weight", heads), "bias": HeadPoints("bias", heads)}
    return {
        "q_scalar_projection": ("query", {"weights": ToHeads("weight", heads)}),
        "k_scalar_projection": ("key", {"weights": ToHeads("weight", heads)}),
        "v_scalar_projection": ("value", {"weights": ToHeads("weight", heads)}),
        "q_point_projection/point_projection": ("query_points", points),
        "k_point_projection/point_projection": ("key_points", points),
        "v_point_projection/point_projection": ("value_points", points),
        **POINT_ATTENTION,
    }


POINT_ATTENTION: Table = {
    "attention_2d": ("pair_bias", LINEAR),
    "trainable_point_weights": Same("point_weights"),
    "output_projection": ("out", LINEAR),
}

ANGLES: Table = {
    "input_projection": ("single_in", LINEAR),
    "input_projection_1": ("initial_in", LINEAR),
    "resblock1": ("blocks.0.first", LINEAR),
    "resblock2": ("blocks.0.second", LINEAR),
    "resblock1_1": ("blocks.1.first", LINEAR),
    "resblock2_1": ("blocks.1.second", LINEAR),
    "unnormalized_angles": ("out", LINEAR),
}

FOLD_ITERATION: Table = {
    "attention_layer_norm": ("attention_norm", LAYER_NORM),
    "transition": ("transition.0", LINEAR),
    "transition_1": ("transition.2", LINEAR),
    "transition_2": ("transition.4", LINEAR),
    "transition_layer_norm": ("transition_norm", LAYER_NORM),
    "rigid_sidechain": ("angles", ANGLES),
}


def monomer_fold_iteration(sizes: StructureModule) -> Table:
    """The layer that all iterations of the structure module share."""
    return {
        "invariant_point_attention": ("ipa", joint_point_attention(sizes)),
        "affine_update": ("backbone_update.out", LINEAR),
        **FOLD_ITERATION,
    }


def multimer_fold_iteration(sizes: StructureModule) -> Table:
    """The layer that all iterations of the structure module share."""
    return {
        "invariant_point_attention": ("ipa", separate_point_attention(sizes)),
        "quat_rigid/rigid": ("backbone_update.out", LINEAR),
        **FOLD_ITERATION,
    }


def structure_module(config: AF2) -> Table:
    fold_iteration = multimer_fold_iteration if config.is_multimer else monomer_fold_iteration
    return {
        "single_layer_norm": ("single_norm", LAYER_NORM),
        "initial_projection": ("single_in", LINEAR),
        "pair_layer_norm": ("pair_norm", LAYER_NORM),
        "fold_iteration": ("", fold_iteration(config.structure)),
    }


HEADS: Table = {
    "distogram_head/half_logits": ("distogram_head.out", LINEAR),
    "masked_msa_head/logits": ("masked_msa_head.out", LINEAR),
    "experimentally_resolved_head/logits": ("experimentally_resolved_head.out", LINEAR),
    "predicted_lddt_head/input_layer_norm": ("plddt_head.norm", LAYER_NORM),
    "predicted_lddt_head/act_0": ("plddt_head.first", LINEAR),
    "predicted_lddt_head/act_1": ("plddt_head.second", LINEAR),
    "predicted_lddt_head/logits": ("plddt_head.out", LINEAR),
}
PAE_HEAD: Table = {"predicted_aligned_error_head/logits": ("pae_head.out", LINEAR)}


def alphafold(config: AF2, triangle_multiplication: Table) -> Table:
    """The whole network."""
    scopes: Table = {
        "evoformer": ("trunk", trunk(config, triangle_multiplication)),
        "structure_module": ("structure_module", structure_module(config)),
        **HEADS,
        **(PAE_HEAD if config.heads.is_pae_predicted else {}),
    }
    return {"alphafold/alphafold_iteration": ("", scopes)}


def table_of(config: AF2, keys: Iterable[str] = ()) -> Table:
    """The table for a network, in the layout of a file with these keys (multimer v2 is unfused), else the newest."""
    is_unfused = any("triangle_multiplication_outgoing/left_projection" in key for key in keys)
    return alphafold(config, FUSED if config.is_multimer and not is_unfused else UNFUSED)


def import_params(model: AlphaFold, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None) -> None:
    """Fill a network with published parameters, every array used exactly once.

    Raises:
        InputError: naming every array that is missing, unused or of another shape than the network needs.
    """
    mapping.load_arrays(model, table_of(model.config, arrays), arrays, file=file)


def state_dict_of(
    config: AF2, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None
) -> dict[str, Tensor]:
    """Published parameters under our names, as views of the arrays; errors as in `import_params`."""
    return mapping.read_arrays(empty(config), table_of(config, arrays), arrays, file=file)


def arrays_of(
    model: AlphaFold, values: Mapping[str, Tensor] | None = None, keys: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """The parameters (or `values` by parameter name, such as gradients) under the published names."""
    values = dict(model.named_parameters()) if values is None else values
    arrays = mapping.write_arrays(table_of(model.config, keys), values)
    return {key: array.detach().cpu().numpy() for key, array in arrays.items()}


def manifest(config: AF2, keys: Iterable[str] = ()) -> dict[str, tuple[int, ...]]:
    """Key and shape of every array of a published file for this network."""
    return mapping.manifest(empty(config), table_of(config, keys))


def empty(config: AF2) -> AlphaFold:
    """The network without memory for its parameters."""
    with torch.device("meta"):
        return AlphaFold(config)
