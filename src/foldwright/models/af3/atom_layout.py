"""Ways between tokens, the atoms of tokens, and windows of atoms that lie close along the sequence."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from foldwright.features.af3.batch import AtomLayout, Gather


def gathered(source: Shaped[Tensor, "*batch atoms c"], way: Gather) -> Shaped[Tensor, "*batch x y c"]:
    """`source[indices]` where the mask of `way` holds, zero elsewhere; `way` has two axes after its batch axes.

    The batch axes of `way` are the last ones of `source`; further ones in front, samples, share it.
    """
    num_atoms, c = source.shape[-2:]
    # As released: indices below zero count from the end, and those past the end are the last.
    indices = torch.where(way.indices < 0, way.indices + num_atoms, way.indices).clamp(0, num_atoms - 1)
    flat = indices.flatten(-2)
    if flat.ndim == 1:
        found = source.index_select(-2, flat)
    else:
        found = source.gather(-2, flat[..., None].expand(*source.shape[:-2], -1, c))
    found = found.unflatten(-2, indices.shape[-2:])
    return found.masked_fill(~way.mask[..., None], 0)


def to_queries(x: Shaped[Tensor, "*batch n 24 c"], layout: AtomLayout) -> Shaped[Tensor, "*batch s 32 c"]:
    """Atoms of tokens into windows of queries."""
    return gathered(x.flatten(-3, -2), layout.queries)


def to_keys(x: Shaped[Tensor, "*batch s 32 c"], layout: AtomLayout) -> Shaped[Tensor, "*batch s 128 c"]:
    """The atoms around each window of queries."""
    return gathered(x.flatten(-3, -2), layout.keys)


def to_tokens(x: Shaped[Tensor, "*batch s 32 c"], layout: AtomLayout) -> Shaped[Tensor, "*batch n 24 c"]:
    """Atoms in windows back to their tokens."""
    return gathered(x.flatten(-3, -2), layout.queries_to_tokens)


def tokens_to_queries(x: Float[Tensor, "*batch n c"], layout: AtomLayout) -> Float[Tensor, "*batch s 32 c"]:
    """To every atom of the windows what its token has."""
    return gathered(x, layout.tokens_to_queries)


def pairs_to_windows(z: Float[Tensor, "*batch n n c"], layout: AtomLayout) -> Float[Tensor, "*batch s 32 128 c"]:
    """To every pair of a query and a key what the pair of their tokens has."""
    q, k, n = layout.tokens_to_queries, layout.tokens_to_keys, z.shape[-2]
    pairs = Gather(
        indices=(n * q.indices[..., :, None] + k.indices[..., None, :]).flatten(-2),
        mask=(q.mask[..., :, None] & k.mask[..., None, :]).flatten(-2),
    )
    return gathered(z.flatten(-3, -2), pairs).unflatten(-2, (q.indices.shape[-1], k.indices.shape[-1]))


def trimmed(layout: AtomLayout, atom_mask: Float[Tensor, "*batch n 24"]) -> AtomLayout:
    """The same without the windows at the end that hold no atom and that no other window looks at.

    Windows are counted for every token's 24 slots, and atoms stand in the first of them: most are empty.
    """
    queries, keys = layout.queries, layout.keys
    num_queries = queries.indices.shape[-1]
    num_subsets = queries.indices.shape[-2]
    is_used = (to_queries(atom_mask[..., None], layout) > 0).flatten(-2).any(-1).reshape(-1, num_subsets).any(0)
    keys_of = torch.where(keys.indices < 0, keys.indices + num_subsets * num_queries, keys.indices)
    furthest = (keys_of // num_queries).amax(-1).clamp(max=num_subsets - 1).reshape(-1, num_subsets).amax(0)
    kept, needed = 0, _last(is_used) + 1
    while kept < needed:
        kept, needed = needed, max(needed, int(furthest[:needed].max()) + 1)
    return replace(
        layout,
        queries=_first(queries, kept),
        keys=_first(keys, kept),
        tokens_to_queries=_first(layout.tokens_to_queries, kept),
        tokens_to_keys=_first(layout.tokens_to_keys, kept),
    )


def _last(is_used: Tensor) -> int:
    """The last place that is used, 0 where none is."""
    places = is_used.nonzero().flatten()
    return int(places[-1]) if len(places) else 0


def _first(way: Gather, count: int) -> Gather:
    return Gather(indices=way.indices[..., :count, :], mask=way.mask[..., :count, :])
