"""A smooth stand-in for lDDT: near distances are to be right, far ones do not matter."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.distances import smooth_distances
from foldwright.losses.reduce import masked_mean

TOLERANCES = (0.5, 1.0, 2.0, 4.0)  # angstrom


def smooth_lddt_loss(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*true n 3"],
    mask: Float[Tensor, "*true n"],
    cutoff: float = 15.0,
) -> Float[Tensor, "*batch"]:
    """1 less the share of true distances below `cutoff` (angstrom) that the prediction keeps, with soft tolerances.

    AF3 SI Alg. 27 "SmoothLDDTLoss". Truth broadcasts over extra leading axes.
    """
    true_distances = smooth_distances(true_positions, true_positions, eps=1e-10)
    others = 1 - torch.eye(mask.shape[-1], dtype=mask.dtype, device=mask.device)
    scored = (true_distances < cutoff) * mask[..., :, None] * mask[..., None, :] * others
    error = (smooth_distances(positions, positions, eps=1e-6) - true_distances).abs()
    kept = torch.stack([torch.sigmoid(tolerance - error) for tolerance in TOLERANCES]).mean(0)
    return 1 - masked_mean(kept, scored.expand_as(kept), num_axes=2, eps=1e-8)
