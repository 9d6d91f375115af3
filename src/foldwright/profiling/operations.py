"""What the layers of a network are called in a profile, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from foldwright.models.af2.evoformer import ResidualBlock
from foldwright.profiling.products import has_formula

RESIDUAL = "residual sums, dropout"
LOSSES = "losses"
OTHER = "other"

# By the name of a module within its parent, so that a layer exchanged for another is found as well.
NAMES = {
    "input_embedder": "embedding",
    "recycling_embedder": "embedding",
    "extra_msa_embedder": "embedding",
    "template_embedder": "templates",
    "template_rows": "templates",
    "row_attention": "MSA row attention",
    "column_attention": "MSA column attention",
    "msa_transition": "MSA transition",
    "outer_product_mean": "outer product mean",
    "triangle_multiplication_outgoing": "triangle multiplication, outgoing",
    "triangle_multiplication_incoming": "triangle multiplication, incoming",
    "triangle_attention_starting": "triangle attention, starting",
    "triangle_attention_ending": "triangle attention, ending",
    "pair_transition": "pair transition",
    "structure_module": "structure module, rest",
    "ipa": "invariant point attention",
    "distogram_head": "heads",
    "masked_msa_head": "heads",
    "plddt_head": "heads",
    "experimentally_resolved_head": "heads",
    "pae_head": "heads",
}
WHOLE = ("templates",)  # operations whose inner layers have no name of their own
ORDER = [*dict.fromkeys(NAMES.values()), RESIDUAL, LOSSES, OTHER]


@dataclass(frozen=True)
class Place:
    """A module that a profile looks at."""

    module: nn.Module
    operation: str
    is_entry: bool  # the operation begins here
    is_counted: bool  # its products are known by a formula


def places(model: nn.Module) -> Iterator[Place]:
    """Every module where an operation begins or products are counted; each product is counted once."""
    yield from _within(model, OTHER)


def _within(parent: nn.Module, operation: str) -> Iterator[Place]:
    for name, child in parent.named_children():
        own = operation if operation in WHOLE else _name(name, child, operation)
        yield from _from(child, own, is_entry=own != operation)


def _name(name: str, module: nn.Module, outer: str) -> str:
    return RESIDUAL if isinstance(module, ResidualBlock) else NAMES.get(name, outer)


def _from(module: nn.Module, operation: str, is_entry: bool) -> Iterator[Place]:
    is_counted = has_formula(module)
    if is_entry or is_counted:
        yield Place(module, operation, is_entry, is_counted)
    if not is_counted:
        yield from _within(module, operation)
