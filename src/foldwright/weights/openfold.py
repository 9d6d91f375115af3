"""OpenFold's checkpoints, module by module, and where each parameter goes.

The names are those of aqlaboratory/openfold, openfold/utils/import_weights.py (release 2, whose checkpoints of multimer
models it also names) and of the three layouts before it: blocks without `pair_stack`, with `core` (the published
checkpoints of June 2022), and with all templates under `template_embedder`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2, StructureModule, TemplateEmbedder
from foldwright.weights.deepmind_af2 import empty, in_submodule
from foldwright.weights.mapping import Entry, HeadPoints, Joint, Same, Table, check_arrays, check_table, entries

# Names that only some releases have between the others; without them all layouts read alike.
LATER_ADDITIONS = frozenset({"module", "model", "core", "pair_stack", "stack", "_msa_att", "template_embedder"})
LATER_NAMES = {"template_angle_embedder": "template_single_embedder"}
POINTS = frozenset({"linear_q_points", "linear_k_points", "linear_v_points", "linear_kv_points"})
# Tables of chemistry that some checkpoints carry along; ours are in `chem`.
CONSTANTS = frozenset(
    f"structure_module.{name}" for name in ("default_frames", "group_idx", "atom_mask", "lit_positions")
)
WRAPPERS = ("ema", "params", "state_dict", "module", "model")  # the running average first: it is what predicts


@dataclass(frozen=True)
class OutInJoint(Joint):
    """Two projections in one matrix that is [out, in] in the file as well."""

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return super().read(turned(array))

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return turned(super().write(parts))


@dataclass(frozen=True)
class OutInHeadPoints(HeadPoints):
    """Each head with its x, y, z, heads flattened: [h * 3 p(, in)] in the file."""

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return super().read(turned(array).unflatten(-1, (self.heads, -1)))

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return turned(super().write(parts).flatten(-2))


def turned(x: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is."""
    return x.mT if x.ndim == 2 else x


WEIGHT: Table = {"weight": Same("weight")}
LINEAR: Table = {"weight": Same("weight"), "bias": Same("bias")}  # a LayerNorm has the same two


def joint(left: str, right: str, groups: int = 1, parts: tuple[int, int] = (1, 1)) -> Table:
    """One Linear that holds two of ours."""
    return {name: OutInJoint(f"{left}.{name}", f"{right}.{name}", groups, parts) for name in ("weight", "bias")}


UNGATED_ATTENTION: Table = {
    "linear_q": ("query", WEIGHT),
    "linear_k": ("key", WEIGHT),
    "linear_v": ("value", WEIGHT),
    "linear_o": ("out", LINEAR),
}
ATTENTION: Table = {**UNGATED_ATTENTION, "linear_g": ("gate", LINEAR)}

ROW_ATTENTION: Table = {
    "layer_norm_m": ("norm", LINEAR),
    "layer_norm_z": ("pair_norm", LINEAR),
    "linear_z": ("bias", WEIGHT),
    "mha": ("core", ATTENTION),
}
COLUMN_ATTENTION: Table = {"layer_norm_m": ("norm", LINEAR), "mha": ("core", ATTENTION)}
COLUMN_GLOBAL_ATTENTION: Table = {"layer_norm_m": ("norm", LINEAR), "global_attention": ("", ATTENTION)}
TRANSITION: Table = {"layer_norm": ("norm", LINEAR), "linear_1": ("expand", LINEAR), "linear_2": ("contract", LINEAR)}
OUTER_PRODUCT_MEAN: Table = {
    "layer_norm": ("norm", LINEAR),
    "linear_1": ("left", LINEAR),
    "linear_2": ("right", LINEAR),
    "linear_out": ("out", LINEAR),
}
TRIANGLE_ATTENTION: Table = {
    "layer_norm": ("norm", LINEAR),
    "linear": ("bias", WEIGHT),
    "mha": ("core", ATTENTION),
}


def triangle_multiplication(a: str, b: str, is_fused: bool) -> Table:
    """`a` and `b` are OpenFold's letters; DeepMind's left and right change places between the two directions."""
    if is_fused:
        projections: Table = {
            "linear_ab_p": ("", joint(a, b)),
            "linear_ab_g": ("", joint(f"{a}_gate", f"{b}_gate")),
        }
    else:
        projections = {
            "linear_a_p": (a, LINEAR),
            "linear_b_p": (b, LINEAR),
            "linear_a_g": (f"{a}_gate", LINEAR),
            "linear_b_g": (f"{b}_gate", LINEAR),
        }
    return {
        **projections,
        "layer_norm_in": ("norm", LINEAR),
        "layer_norm_out": ("center_norm", LINEAR),
        "linear_g": ("gate", LINEAR),
        "linear_z": ("out", LINEAR),
    }


def pair_block(is_fused: bool) -> Table:
    return {
        "tri_mul_out": ("triangle_multiplication_outgoing", triangle_multiplication("left", "right", is_fused)),
        "tri_mul_in": ("triangle_multiplication_incoming", triangle_multiplication("right", "left", is_fused)),
        "tri_att_start": ("triangle_attention_starting", TRIANGLE_ATTENTION),
        "tri_att_end": ("triangle_attention_ending", TRIANGLE_ATTENTION),
        "pair_transition": ("pair_transition", TRANSITION),
    }


def evoformer_block(column_attention: Table, is_fused: bool) -> Table:
    return {
        "msa_att_row": ("row_attention", ROW_ATTENTION),
        "msa_att_col": ("column_attention", column_attention),
        "msa_transition": ("msa_transition", TRANSITION),
        "outer_product_mean": ("outer_product_mean", OUTER_PRODUCT_MEAN),
        **in_submodule("pair", pair_block(is_fused)),
    }


def blocks(table: Table, num_blocks: int) -> Table:
    """The same table for every block."""
    return {f"blocks.{i}": (f"blocks.{i}", table) for i in range(num_blocks)}


def template_pair_stack(config: TemplateEmbedder, is_fused: bool) -> Table:
    return {**blocks(pair_block(is_fused), config.num_blocks), "layer_norm": ("norm", LINEAR)}


def monomer_templates(config: TemplateEmbedder) -> Table:
    return {
        "template_pair_embedder": ("template_embedder", {"linear": ("embed", LINEAR)}),
        "template_pair_stack": ("template_embedder.stack", template_pair_stack(config, is_fused=False)),
        "template_pointwise_att": ("template_embedder.attention", {"mha": ("core", UNGATED_ATTENTION)}),
        "template_single_embedder": (
            "template_rows",
            {"linear_1": ("embed", LINEAR), "linear_2": ("project", LINEAR)},
        ),
    }


MULTIMER_TEMPLATE_PAIR_EMBEDDER: Table = {
    "dgram_linear": ("distance", LINEAR),
    "pseudo_beta_mask_linear": ("is_resolved", LINEAR),
    "aatype_linear_1": ("aatype_column", LINEAR),
    "aatype_linear_2": ("aatype_row", LINEAR),
    "x_linear": ("unit_vector_x", LINEAR),
    "y_linear": ("unit_vector_y", LINEAR),
    "z_linear": ("unit_vector_z", LINEAR),
    "backbone_mask_linear": ("has_backbone", LINEAR),
    "query_embedding_linear": ("query", LINEAR),
    "query_embedding_layer_norm": ("query_norm", LINEAR),
}


def multimer_templates(config: TemplateEmbedder, is_fused: bool) -> Table:
    return {
        "template_pair_embedder": ("template_embedder", MULTIMER_TEMPLATE_PAIR_EMBEDDER),
        "template_pair_stack": ("template_embedder.stack", template_pair_stack(config, is_fused)),
        "linear_t": ("template_embedder.out", LINEAR),
        "template_single_embedder": (
            "template_rows",
            {"template_single_embedder": ("embed", LINEAR), "template_projector": ("project", LINEAR)},
        ),
    }


def templates(config: AF2, is_fused: bool) -> Table:
    if config.templates is None:
        return {}
    return multimer_templates(config.templates, is_fused) if config.is_multimer else monomer_templates(config.templates)


def trunk(config: AF2, is_fused: bool) -> Table:
    """Everything before the structure module."""
    extra = evoformer_block(COLUMN_GLOBAL_ATTENTION, is_fused)
    main = evoformer_block(COLUMN_ATTENTION, is_fused)
    return {
        "input_embedder": (
            "input_embedder",
            {
                "linear_tf_z_i": ("left", LINEAR),
                "linear_tf_z_j": ("right", LINEAR),
                "linear_tf_m": ("target", LINEAR),
                "linear_msa_m": ("msa", LINEAR),
                "linear_relpos": ("relative_position.out", LINEAR),
            },
        ),
        "recycling_embedder": (
            "recycling_embedder",
            {
                "linear": ("distance", LINEAR),
                "layer_norm_m": ("msa_norm", LINEAR),
                "layer_norm_z": ("pair_norm", LINEAR),
            },
        ),
        **templates(config, is_fused),
        "extra_msa_embedder": ("extra_msa_embedder", {"linear": ("out", LINEAR)}),
        "extra_msa_stack": ("extra_msa_stack", blocks(extra, config.extra_msa.num_blocks)),
        "evoformer": ("evoformer", {**blocks(main, config.trunk.num_blocks), "linear": ("single", LINEAR)}),
    }


def monomer_point_attention(sizes: StructureModule) -> Table:
    heads, points = sizes.heads, (sizes.num_query_points, sizes.num_value_points)
    return {
        "linear_q": ("query", LINEAR),
        "linear_kv": ("", joint("key", "value", heads)),
        "linear_q_points": ("query_points", LINEAR),
        "linear_kv_points": ("", joint("key_points", "value_points", 3 * heads, points)),
    }


def multimer_point_attention(sizes: StructureModule) -> Table:
    points: Table = {name: OutInHeadPoints(name, sizes.heads) for name in ("weight", "bias")}
    return {
        "linear_q": ("query", WEIGHT),
        "linear_k": ("key", WEIGHT),
        "linear_v": ("value", WEIGHT),
        "linear_q_points": ("query_points", points),
        "linear_k_points": ("key_points", points),
        "linear_v_points": ("value_points", points),
    }


ANGLES: Table = {
    "linear_in": ("single_in", LINEAR),
    "linear_initial": ("initial_in", LINEAR),
    "layers.0.linear_1": ("blocks.0.first", LINEAR),
    "layers.0.linear_2": ("blocks.0.second", LINEAR),
    "layers.1.linear_1": ("blocks.1.first", LINEAR),
    "layers.1.linear_2": ("blocks.1.second", LINEAR),
    "linear_out": ("out", LINEAR),
}


def structure_module(config: AF2) -> Table:
    point_attention = multimer_point_attention if config.is_multimer else monomer_point_attention
    return {
        "layer_norm_s": ("single_norm", LINEAR),
        "layer_norm_z": ("pair_norm", LINEAR),
        "linear_in": ("single_in", LINEAR),
        "ipa": (
            "ipa",
            {
                **point_attention(config.structure),
                "linear_b": ("pair_bias", LINEAR),
                "head_weights": Same("point_weights"),
                "linear_out": ("out", LINEAR),
            },
        ),
        "layer_norm_ipa": ("attention_norm", LINEAR),
        "transition.layers.0.linear_1": ("transition.0", LINEAR),
        "transition.layers.0.linear_2": ("transition.2", LINEAR),
        "transition.layers.0.linear_3": ("transition.4", LINEAR),
        "transition.layer_norm": ("transition_norm", LINEAR),
        "bb_update": ("backbone_update", {"linear": ("out", LINEAR)}),
        "angle_resnet": ("angles", ANGLES),
    }


HEADS: Table = {
    "plddt": (
        "plddt_head",
        {
            "layer_norm": ("norm", LINEAR),
            "linear_1": ("first", LINEAR),
            "linear_2": ("second", LINEAR),
            "linear_3": ("out", LINEAR),
        },
    ),
    "distogram": ("distogram_head", {"linear": ("out", LINEAR)}),
    "masked_msa": ("masked_msa_head", {"linear": ("out", LINEAR)}),
    "experimentally_resolved": ("experimentally_resolved_head", {"linear": ("out", LINEAR)}),
}
PAE_HEAD: Table = {"tm": ("pae_head", {"linear": ("out", LINEAR)})}


def alphafold(config: AF2, is_fused: bool) -> Table:
    """The whole network."""
    return {
        **in_submodule("trunk", trunk(config, is_fused)),
        "structure_module": ("structure_module", structure_module(config)),
        "aux_heads": ("", {**HEADS, **(PAE_HEAD if config.heads.is_pae_predicted else {})}),
    }


def rows_of(config: AF2, is_fused: bool) -> dict[str, Entry]:
    """The table as one row per parameter of OpenFold, by its shortest name."""
    return {row.key.replace("//", ".").replace("/", "."): row for row in entries(alphafold(config, is_fused))}


def short_name(key: str) -> str:
    """A parameter's name as the oldest layout would spell it: all later layouts only add to that."""
    parts = [LATER_NAMES.get(part, part) for part in key.split(".") if part not in LATER_ADDITIONS]
    kept = [
        part for before, part in zip(["", *parts], parts, strict=False) if not (part == "linear" and before in POINTS)
    ]
    return ".".join(kept)


def unwrap(checkpoint: Any) -> dict[str, Tensor]:
    """The parameters inside a checkpoint: bare, averaged (`ema`), or beside the state of a training run."""
    while isinstance(checkpoint, Mapping):
        inner = next((checkpoint[name] for name in WRAPPERS if isinstance(checkpoint.get(name), Mapping)), None)
        if inner is None:
            return {key: value for key, value in checkpoint.items() if isinstance(value, Tensor)}
        checkpoint = inner
    return {}


def is_fused(keys: Iterable[str]) -> bool:
    """Whether both factors of a triangle multiplication share a projection, as in multimer v3."""
    return any("linear_ab_p" in key for key in keys)


def state_dict_of(
    config: AF2, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None
) -> dict[str, Tensor]:
    """A checkpoint's parameters under our names, every one used exactly once.

    Raises:
        InputError: naming every parameter that is missing, unused, mis-shaped or there twice.
    """
    spelling = spellings(arrays, file)
    check_arrays(manifest(config, arrays), {key: arrays[key] for key in spelling.values()}, file)
    rows = rows_of(config, is_fused(arrays))
    tensors = ((row, torch.from_numpy(arrays[spelling[name]])) for name, row in rows.items())
    return {name: part for row, tensor in tensors for name, part in row.read(tensor).items()}


def manifest(config: AF2, keys: Iterable[str] = ()) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter of a checkpoint, spelled as in a file with these keys."""
    keys = list(keys)
    model, rows, spelling = empty(config), rows_of(config, is_fused(keys)), spellings(keys)
    check_table(model, list(rows.values()))
    parameters = dict(model.named_parameters())
    return {spelling.get(name, name): row.shape(parameters) for name, row in rows.items()}


def spellings(keys: Iterable[str], file: str | Path | None = None) -> dict[str, str]:
    """Short name -> name in this file, constants left out."""
    found: dict[str, str] = {}
    for key in keys:
        name = short_name(key)
        if name in found:
            raise InputError(f'"{key}" and "{found[name]}" are the same parameter in two layouts.', file=file)
        if name not in CONSTANTS:
            found[name] = key
    return found


def checkpoint_of(config: AF2, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our parameters under OpenFold's names (the shortest ones), for its programs or for a test."""
    is_v3 = config.is_multimer
    return {name: row.write(values).contiguous() for name, row in rows_of(config, is_v3).items()}
