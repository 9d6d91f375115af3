"""DeepMind's `params_*.npz` of AlphaFold 2, scope by scope, and where each array goes."""

from __future__ import annotations

from typing import Any

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, TemplateEmbedder
from foldwright.weights.mapping import Column, Flat, FromHeads, Halves, Same, Stacked, Table, ToHeads, Transposed

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
    "projection": ("", {"weights": Halves("left.weight", "right.weight"), "bias": Halves("left.bias", "right.bias")}),
    "gate": (
        "",
        {
            "weights": Halves("left_gate.weight", "right_gate.weight"),
            "bias": Halves("left_gate.bias", "right_gate.bias"),
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
    block = pair_block(config.heads, UNFUSED)
    return {
        "single_template_embedding": (
            "",
            {
                "embedding2d": ("embed", LINEAR),
                "template_pair_stack": (
                    "",
                    {"__layer_stack_no_state": Stacked("stack.blocks.{i}", block, config.num_blocks)},
                ),
                "output_layer_norm": ("stack.norm", LAYER_NORM),
            },
        ),
        "attention": ("attention.core", ungated_attention(config.heads)),
    }


def multimer_template_embedding(config: TemplateEmbedder, triangle_multiplication: Table) -> Table:
    block = pair_block(config.heads, triangle_multiplication)
    return {
        "single_template_embedding": (
            "",
            {
                "template_pair_embedding_0": ("distance", LINEAR),
                "template_pair_embedding_1": ("is_resolved", LINEAR_OF_NUMBER),
                "template_pair_embedding_2": ("aatype_column", LINEAR),
                "template_pair_embedding_3": ("aatype_row", LINEAR),
                "template_pair_embedding_4": ("unit_vector_x", LINEAR_OF_NUMBER),
                "template_pair_embedding_5": ("unit_vector_y", LINEAR_OF_NUMBER),
                "template_pair_embedding_6": ("unit_vector_z", LINEAR_OF_NUMBER),
                "template_pair_embedding_7": ("has_backbone", LINEAR_OF_NUMBER),
                "template_pair_embedding_8": ("query", LINEAR),
                "query_embedding_norm": ("query_norm", LAYER_NORM),
                "template_embedding_iteration": Stacked("stack.blocks.{i}", block, config.num_blocks),
                "output_layer_norm": ("stack.norm", LAYER_NORM),
            },
        ),
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
    "~_relative_encoding": ("", {"position_activations": ("input_embedder.relative_position.out", LINEAR)}),
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
