"""Distances as classes."""

import torch
from jaxtyping import Float
from torch import Tensor


def distance_bins(
    positions: Float[Tensor, "*batch n 3"], first_edge: float, last_edge: float, num_bins: int
) -> Float[Tensor, "*batch n n bins"]:
    """One at the bin of each pair's distance; below the first edge none, above the last edge the last bin.

    DISCREPANCY(AF2 Alg. 32 line 1): the paper takes the nearest bin centre, the released code intervals between edges.
    """
    lower = torch.linspace(first_edge, last_edge, num_bins, dtype=positions.dtype, device=positions.device).square()
    upper = torch.cat([lower[1:], lower.new_tensor([1e8])])
    d = positions[..., :, None, :] - positions[..., None, :, :]
    squared = d.square().sum(-1, keepdim=True)
    return ((squared > lower) & (squared < upper)).to(positions.dtype)
