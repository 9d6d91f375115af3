"""Does the pair representation know how far apart residues are."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.losses.reduce import cross_entropy, masked_mean

# DISCREPANCY(AF2 Suppl. 1.9.8): the paper's bins cover 2 to 22 angstrom; these are the released code's inner edges.
FIRST_EDGE, LAST_EDGE = 2.3125, 21.6875  # angstrom


def distance_bins(positions: Float[Tensor, "*batch n 3"], num_bins: int) -> Int[Tensor, "*batch n n"]:
    """The bin of every pair's distance; the last one is open-ended."""
    edges = torch.linspace(FIRST_EDGE, LAST_EDGE, num_bins - 1, dtype=positions.dtype, device=positions.device)
    squared = (positions[..., :, None, :] - positions[..., None, :, :]).square().sum(-1)
    return (squared[..., None] > edges.square()).sum(-1)


def distogram_loss(
    logits: Float[Tensor, "*batch n n bins"],
    pseudo_beta: Float[Tensor, "*batch n 3"],
    mask: Float[Tensor, "*batch n"],
) -> Float[Tensor, "*batch"]:
    """Cross entropy of the binned C-beta distances (AF2 Suppl. 1.9.8, equation 41)."""
    errors = cross_entropy(logits, distance_bins(pseudo_beta, logits.shape[-1]))
    return masked_mean(errors, mask[..., :, None] * mask[..., None, :], num_axes=2, eps=1e-6)
