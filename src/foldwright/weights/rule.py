"""Parameters that anyone can regenerate from their names: for demonstrations and for `foldwright verify`."""

import math
from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

# A scope that contains one of these holds all blocks of a stack in one array, blocks along the first axis.
STACKS = frozenset({"extra_msa_stack", "evoformer_iteration", "__layer_stack_no_state", "template_embedding_iteration"})
SMALL = frozenset({"bias", "offset", "gating_b", "output_b"})  # about zero
TRIANGLE_ATTENTIONS = frozenset({"pair_attention1", "pair_attention2", "grid_self_attention"})
INPUTS_LAST = frozenset({"q_projection", "k_projection", "gating_query"})
SOFTPLUS_INVERSE_OF_ONE = 0.5413248546  # log(e - 1): the point weights of AF2 Suppl. Alg. 22 start at 1


def rule_parameters(manifest: Mapping[str, Sequence[int]], salt: str = "") -> dict[str, np.ndarray]:
    """The rule's array for every key of a DeepMind parameter file; each depends on its key, shape and salt alone."""
    return {key: rule_array(key, shape, salt) for key, shape in manifest.items()}


def rule_array(key: str, shape: Sequence[int], salt: str = "") -> np.ndarray:
    """One array of the rule: normal noise seeded by its key, at the scale an untrained network would have."""
    scope, name = key.split("//")
    noise = np.random.default_rng(crc32((key + salt).encode())).standard_normal(tuple(shape))
    if name in SMALL:
        values = 0.1 * noise
    elif name == "scale":
        values = 1.0 + 0.1 * noise
    elif name == "trainable_point_weights":
        values = SOFTPLUS_INVERSE_OF_ONE + 0.1 * noise
    else:
        values = noise * fan_in(scope, name, shape) ** -0.5 * step_size(scope)
    return values.astype(np.float32)


def af3_rule_parameters(manifest: Mapping[str, Sequence[int]], salt: int = 0) -> dict[str, np.ndarray]:
    """The rule's array for every `scope//name` of an AlphaFold 3 parameter file."""
    return {key: af3_rule_array(key, shape, salt) for key, shape in manifest.items()}


def af3_rule_array(key: str, shape: Sequence[int], salt: int = 0) -> np.ndarray:
    """One array of the rule in the names of AlphaFold 3; the salt is added to the seed."""
    scope, name = key.split("//")
    values = np.random.default_rng(crc32(f"{scope}/{name}".encode()) + salt).standard_normal(tuple(shape))
    if name in SMALL:
        values *= 0.1
    elif name == "scale":
        values *= 0.1
        values += 1.0
    else:
        values *= af3_fan_in(scope, name, shape) ** -0.5
    return values.astype(np.float32)


def af3_num_stacks(scope: str) -> int:
    """How many of the first axes count blocks: two in the diffusion transformer, whose blocks are grouped."""
    return sum(part.startswith("__layer_stack") for part in scope.split("/"))


def af3_fan_in(scope: str, name: str, shape: Sequence[int]) -> int:
    """How many inputs each output of a weight sums over, blocks left out."""
    one_block = tuple(shape[af3_num_stacks(scope) :])
    if name == "output_w":  # channels x channels -> out
        return math.prod(one_block[:2])
    if len(one_block) == 1:  # the only input is a number
        return 1
    return one_block[-1] if is_transposed(scope) else one_block[0]


def is_transposed(scope: str) -> bool:
    """Whether a weight of AlphaFold 3 has its inputs last: queries, keys and gates of attention around triangles."""
    *_, layer, projection = ("", *scope.split("/"))
    return layer in TRIANGLE_ATTENTIONS and projection in INPUTS_LAST


def is_stacked(scope: str) -> bool:
    """Whether the first axis of this scope's arrays counts blocks."""
    return not STACKS.isdisjoint(scope.split("/"))


def fan_in(scope: str, name: str, shape: Sequence[int]) -> int:
    """How many inputs each output of a weight sums over, blocks left out."""
    one_block = tuple(shape[1:] if is_stacked(scope) else shape)
    if name == "output_w":  # heads x channels -> out
        return math.prod(one_block[:-1])
    return one_block[0] if len(one_block) > 1 else 1


def step_size(scope: str) -> float:
    """Weights that move the backbone are smaller, so that one layer moves it by a few angstrom."""
    if scope.endswith("/affine_update"):
        return 0.25
    return 0.1 if scope.endswith("/quat_rigid/rigid") else 1.0
