"""The arrays of AlphaFold 3's parameter file, scope by scope, and where each one goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foldwright.models.af3.config import AF3, AtomAttention, Diffusion, MSAModule, Pairformer, PairSizes
from foldwright.models.af3.config import TemplateEmbedder as TemplateSizes
from foldwright.models.af3.model import AlphaFold3
from foldwright.weights import mapping
from foldwright.weights.mapping import (
    Column,
    Flat,
    FromHeads,
    HeadsFirst,
    Joint,
    Same,
    Stacked,
    Table,
    ToHeads,
    Transposed,
    Unused,
)

LINEAR: Table = {"weights": Transposed("weight")}
AFFINE: Table = LINEAR | {"bias": Same("bias")}
NUMBER: Table = {"weights": Column("weight")}
SCALE: Table = {"scale": Same("weight")}
NORM: Table = SCALE | {"offset": Same("bias")}
HALVES: Table = {"weights": Joint("gate.weight", "expand.weight")}
TRANSITION: Table = {
    "input_layer_norm": ("norm", NORM),
    "transition1": ("", HALVES),
    "transition2": ("contract", LINEAR),
}
STACK, PAIRED_STACK = "__layer_stack_no_per_layer", "__layer_stack_with_per_layer"


def to_heads(heads: int, *, bias: bool = False) -> Table:
    """Queries, keys or values of every head."""
    return {"weights": ToHeads("weight", heads)} | ({"bias": Flat("bias", heads)} if bias else {})


def triangle_multiplication(channels: int) -> Table:
    """Left and right take turns in the channels of the file: each channel is a group of its own."""
    return {
        "left_norm_input": ("norm", NORM),
        "projection": ("", {"weights": Joint("left.weight", "right.weight", groups=channels)}),
        "gate": ("", {"weights": Joint("left_gate.weight", "right_gate.weight", groups=channels)}),
        "center_norm": ("center_norm", NORM),
        "gating_linear": ("gate", LINEAR),
        "output_projection": ("out", LINEAR),
    }


def triangle_attention(heads: int) -> Table:
    """Queries, keys and gates have their inputs last; values and what joins the heads have them first."""
    return {
        "act_norm": ("norm", NORM),
        "pair_bias_projection": ("bias", LINEAR),
        "q_projection": ("core.query", {"weights": HeadsFirst("weight", heads)}),
        "k_projection": ("core.key", {"weights": HeadsFirst("weight", heads)}),
        "v_projection": ("core.value", to_heads(heads)),
        "gating_query": ("core.gate", {"weights": Same("weight")}),
        "output_projection": ("core.out", LINEAR),
    }


def pair_block(sizes: PairSizes, path: str = "") -> Table:
    product = triangle_multiplication(sizes.c_triangle)
    return {
        "triangle_multiplication_outgoing": (f"{path}triangle_multiplication_outgoing", product),
        "triangle_multiplication_incoming": (f"{path}triangle_multiplication_incoming", product),
        "pair_attention1": (f"{path}triangle_attention_starting", triangle_attention(sizes.heads)),
        "pair_attention2": (f"{path}triangle_attention_ending", triangle_attention(sizes.heads)),
        "pair_transition": (f"{path}pair_transition", TRANSITION),
    }


def pairformer_block(config: Pairformer) -> Table:
    heads, core = config.heads, "single_attention.core"
    return {
        **pair_block(config.pair, "pair."),
        "single_pair_logits_norm": ("single_attention.pair_norm", NORM),
        "single_pair_logits_projection": ("single_attention.bias", LINEAR),
        "single_attention_layer_norm": ("single_attention.norm", NORM),
        "single_attention_q_projection": (f"{core}.query", to_heads(heads, bias=True)),
        "single_attention_k_projection": (f"{core}.key", to_heads(heads)),
        "single_attention_v_projection": (f"{core}.value", to_heads(heads)),
        "single_attention_gating_query": (f"{core}.gate", LINEAR),
        "single_attention_transition2": (f"{core}.out", LINEAR),
        "single_transition": ("single_transition", TRANSITION),
    }


def msa_block(sizes: MSAModule) -> Table:
    outer: Table = {
        "layer_norm_input": ("norm", NORM),
        "left_projection": ("left", LINEAR),
        "right_projection": ("right", LINEAR),
        "output_w": FromHeads("out.weight", sizes.c_outer),
        "output_b": Same("out.bias"),
    }
    averaging: Table = {
        "act_norm": ("norm", NORM),
        "pair_norm": ("pair_norm", NORM),
        "pair_logits": ("bias", LINEAR),
        "v_projection": ("value", to_heads(sizes.heads)),
        "gating_query": ("gate", LINEAR),
        "output_projection": ("out", LINEAR),
    }
    return {
        **pair_block(sizes.pair, "pair."),
        "outer_product_mean": ("outer_product_mean", outer),
        "msa_attention1": ("row_averaging", averaging),
        "msa_transition": ("msa_transition", TRANSITION),
    }


TEMPLATE_FEATURES = (  # in the order of the file's template_pair_embedding_0..8
    *(("distance", LINEAR), ("is_resolved", NUMBER), ("aatype_column", LINEAR), ("aatype_row", LINEAR)),
    *(("unit_vector_x", NUMBER), ("unit_vector_y", NUMBER), ("unit_vector_z", NUMBER)),
    *(("has_backbone", NUMBER), ("query", LINEAR)),
)


def template_embedder(sizes: TemplateSizes) -> Table:
    of_one: Table = {
        f"{STACK}/template_embedding_iteration": Stacked("blocks.{i}", pair_block(sizes.pair), sizes.num_blocks),
        "output_layer_norm": ("norm", NORM),
        "query_embedding_norm": ("query_norm", NORM),
        **{f"template_pair_embedding_{i}": feature for i, feature in enumerate(TEMPLATE_FEATURES)},
    }
    return {"output_linear": ("out", LINEAR), "single_template_embedding": ("", of_one)}


def trunk(config: AF3) -> Table:
    msa, body, recycled = config.msa, config.pairformer, "recycling_embedder"
    return {
        "single_activations": ("input_embedder.single", LINEAR),
        "left_single": ("input_embedder.left", LINEAR),
        "right_single": ("input_embedder.right", LINEAR),
        "~_relative_encoding/position_activations": ("input_embedder.relative_position.out", LINEAR),
        "bond_embedding": ("input_embedder.bond", LINEAR),
        "prev_single_embedding_layer_norm": (f"{recycled}.single_norm", NORM),
        "prev_single_embedding": (f"{recycled}.single", LINEAR),
        "prev_embedding_layer_norm": (f"{recycled}.pair_norm", NORM),
        "prev_embedding": (f"{recycled}.pair", LINEAR),
        "template_embedding": ("template_embedder", template_embedder(config.templates)),
        "msa_activations": ("msa_module.msa", LINEAR),
        "extra_msa_target_feat": ("msa_module.target", LINEAR),
        f"{STACK}/msa_stack": Stacked("msa_module.blocks.{i}", msa_block(msa), msa.num_blocks),
        f"{STACK}_1/trunk_pairformer": Stacked("pairformer.blocks.{i}", pairformer_block(body), body.num_blocks),
    }


def in_submodule(path: str, table: Table) -> Table:
    """The same arrays, for parameters that lie one submodule deeper."""
    return {name: (mapping.join(path, inner), t) for name, (inner, t) in table.items()}


def prefixed(prefix: str, table: Table) -> Table:
    """Names that are joined without anything between them, as the file's are in blocks that are conditioned."""
    return {f"{prefix}{name}": item for name, item in table.items()}


ADAPTIVE_NORM: Table = {
    "single_cond_layer_norm": ("norm", SCALE),
    "single_cond_scale": ("scale", AFFINE),
    "single_cond_bias": ("shift", LINEAR),
}
CONDITIONED_TRANSITION: Table = {
    **in_submodule("norm", ADAPTIVE_NORM),
    "transition1": ("", HALVES),
    "transition2": ("contract", LINEAR),
    "adaptive_zero_cond": ("output_gate.gate", AFFINE),
}


ONE_NORM, TWO_NORMS = {"": "norm"}, {"q": "query_norm", "k": "key_norm"}


def conditioned_attention(heads: int, norms: Mapping[str, str]) -> Table:
    """`norms`: what the file puts before the names of each norm, and where that norm goes."""
    table: dict[str, object] = {
        "q_projection": ("core.query", to_heads(heads, bias=True)),
        "k_projection": ("core.key", to_heads(heads)),
        "v_projection": ("core.value", to_heads(heads)),
        "gating_query": ("core.gate", LINEAR),
        "transition2": ("core.out", LINEAR),
        "adaptive_zero_cond": ("output_gate.gate", AFFINE),
    }
    for prefix, norm in norms.items():
        table |= prefixed(prefix, in_submodule(norm, ADAPTIVE_NORM))
    return table


def conditioned_block(heads: int, norms: Mapping[str, str]) -> Table:
    """Attention and transition of one block; see `conditioned_attention`."""
    return {
        **in_submodule("attention", conditioned_attention(heads, norms)),
        **prefixed("ffw_", in_submodule("transition", CONDITIONED_TRANSITION)),
    }


def token_transformer(config: Diffusion) -> Table:
    """Blocks are grouped: arrays of blocks have two first axes, those of a group have one."""
    shared, groups = config.blocks_per_pair_bias, config.num_blocks // config.blocks_per_pair_bias
    block = prefixed("transformer", conditioned_block(config.heads, ONE_NORM))
    return {
        "pair_input_layer_norm": ("pair_norm", SCALE),
        f"{PAIRED_STACK}/pair_logits_projection": Stacked("pair_bias.{i}", to_heads(shared), groups),
        f"{PAIRED_STACK}/{PAIRED_STACK}": Stacked("blocks.{i}", block, (groups, shared)),
    }


def atom_transformer(config: AtomAttention, name: str) -> Table:
    block = prefixed(name, conditioned_block(config.heads, TWO_NORMS))
    return {
        "pair_input_layer_norm": ("pair_norm", SCALE),
        "pair_logits_projection": ("pair_bias", to_heads(config.num_blocks)),
        PAIRED_STACK: Stacked("blocks.{i}", block, config.num_blocks),
    }


def atom_encoder(config: AtomAttention, prefix: str) -> Table:
    """What both encoders have. Four projections were made twice, and those made first are never used."""
    c, c_pair = config.c_atom, config.c_atom_pair
    table: Table = {
        "embed_ref_pos": ("reference.position", LINEAR),
        "embed_ref_mask": ("reference.mask", LINEAR),
        "embed_ref_element": ("reference.element", LINEAR),
        "embed_ref_charge": ("reference.charge", LINEAR),
        "embed_ref_atom_name": ("reference.name", LINEAR),
        "embed_pair_offsets": ("", {"weights": Unused((3, c_pair))}),
        "embed_pair_distances": ("", {"weights": Unused((1, c_pair))}),
        "single_to_pair_cond_row": ("", {"weights": Unused((c, c_pair))}),
        "single_to_pair_cond_col": ("", {"weights": Unused((c, c_pair))}),
        "embed_pair_offsets_1": ("pair.offset", LINEAR),
        "embed_pair_distances_1": ("pair.distance", LINEAR),
        "embed_pair_offsets_valid": ("pair.is_valid", LINEAR),
        "single_to_pair_cond_row_1": ("pair.query", LINEAR),
        "single_to_pair_cond_col_1": ("pair.key", LINEAR),
        **{f"pair_mlp_{i}": (f"pair.hidden_{i}", LINEAR) for i in (1, 2, 3)},
        "project_atom_features_for_aggr": ("out", LINEAR),
    }
    name = f"{prefix}_atom_transformer_encoder"
    return {**prefixed(f"{prefix}_", table), name: ("transformer", atom_transformer(config, name))}


NOISY_ATOMS: Table = {
    "diffusion_lnorm_trunk_single_cond": ("single_norm", SCALE),
    "diffusion_embed_trunk_single_cond": ("single", LINEAR),
    "diffusion_lnorm_trunk_pair_cond": ("pair_norm", SCALE),
    "diffusion_embed_trunk_pair_cond": ("trunk_pair", LINEAR),
    "diffusion_atom_positions_to_features": ("position", LINEAR),
}


def atom_decoder(config: AtomAttention) -> Table:
    name = "diffusion_atom_transformer_decoder"
    return {
        "diffusion_project_token_features_for_broadcast": ("token", LINEAR),
        "diffusion_atom_features_layer_norm": ("norm", SCALE),
        "diffusion_atom_features_to_position_update": ("out", LINEAR),
        name: ("transformer", atom_transformer(config, name)),
    }


def conditioning(config: Diffusion) -> Table:
    table: dict[str, object] = {}
    for name, path in {"pair_cond": "pair", "single_cond": "single", "noise_embedding": "noise"}.items():
        table[f"{name}_initial_norm"] = (f"{path}_norm", SCALE)
        table[f"{name}_initial_projection"] = (path, LINEAR)
    for kind in ("pair", "single"):
        for i in range(config.num_conditioning_transitions):
            path = f"{kind}_transitions.{i}"
            table |= {
                f"{kind}_transition_{i}ffw_layer_norm": (f"{path}.norm", NORM),
                f"{kind}_transition_{i}ffw_transition1": (path, HALVES),
                f"{kind}_transition_{i}ffw_transition2": (f"{path}.contract", LINEAR),
            }
    return table


def diffusion_module(config: Diffusion) -> Table:
    return {
        **in_submodule("conditioning", conditioning(config)),
        **in_submodule("atom_encoder", {**atom_encoder(config.atoms, "diffusion"), **NOISY_ATOMS}),
        "single_cond_embedding_norm": ("single_norm", SCALE),
        "single_cond_embedding_projection": ("single", LINEAR),
        "transformer": ("transformer", token_transformer(config)),
        "output_norm": ("norm", SCALE),
        **in_submodule("atom_decoder", atom_decoder(config.atoms)),
    }


def confidence_head(config: Pairformer) -> Table:
    """`config`: that of the head's own Pairformer."""
    features: Table = {
        "left_target_feat_project": ("column", LINEAR),
        "right_target_feat_project": ("row", LINEAR),
        "distogram_feat_project": ("distance", LINEAR),
    }
    blocks = Stacked("pairformer.blocks.{i}", pairformer_block(config), config.num_blocks)
    slots = to_heads(24)  # a token has 24 slots for atoms
    return {
        "~_embed_features": ("", features),
        f"{STACK}/confidence_pairformer": blocks,
        "logits_ln": ("pde.norm", NORM),
        "left_half_distance_logits": ("pde.out", LINEAR),
        "pae_logits_ln": ("pae.norm", NORM),
        "pae_logits": ("pae.out", LINEAR),
        "plddt_logits_ln": ("plddt.norm", NORM),
        "plddt_logits": ("plddt.out", slots),
        "experimentally_resolved_ln": ("resolved.norm", NORM),
        "experimentally_resolved_logits": ("resolved.out", slots),
    }


DISTOGRAM_HEAD: Table = {"half_logits": ("out", LINEAR)}


def table_of(config: AF3) -> Table:
    """The whole network."""
    scopes: Table = {
        **in_submodule("input_features.atom_encoder", atom_encoder(config.atoms, "evoformer_conditioning")),
        "evoformer": ("trunk", trunk(config)),
        "~/diffusion_head": ("diffusion", diffusion_module(config.diffusion)),
        "distogram_head": ("distogram_head", DISTOGRAM_HEAD),
        "confidence_head": ("confidence_head", confidence_head(config.confidence)),
    }
    return {"diffuser": ("", scopes)}


def state_dict_of(
    config: AF3, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None
) -> dict[str, Tensor]:
    """Published parameters under our names, as views of the arrays, each of them accounted for.

    Raises:
        InputError: naming every array that is missing, unused or of another shape than the network needs.
    """
    return mapping.read_arrays(empty(config), table_of(config), arrays, file=file)


def arrays_of(model: AlphaFold3, values: Mapping[str, Tensor] | None = None) -> dict[str, np.ndarray]:
    """The parameters (or `values` by parameter name, such as gradients) under the published names."""
    values = dict(model.named_parameters()) if values is None else values
    arrays = mapping.write_arrays(table_of(model.config), values)
    return {key: array.detach().cpu().numpy() for key, array in arrays.items()}


def manifest(config: AF3) -> dict[str, tuple[int, ...]]:
    """Key and shape of every array of a published file for this network."""
    return mapping.manifest(empty(config), table_of(config))


def unused_arrays(config: AF3) -> tuple[str, ...]:
    """Arrays of a published file that have no influence on anything."""
    return tuple(row.key for row in mapping.entries(table_of(config)) if isinstance(row.layout, Unused))


def empty(config: AF3) -> AlphaFold3:
    """The network without memory for its parameters."""
    with torch.device("meta"):
        return AlphaFold3(config)
