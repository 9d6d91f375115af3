"""Does the network know how wrong it is: pLDDT, aligned error, and which atoms experiments resolve."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.distances import smooth_distances
from foldwright.geometry.rigid import Rigid
from foldwright.losses.reduce import cross_entropy, masked_mean

LARGEST_ALIGNED_ERROR = 31.0  # angstrom, lower edge of the last bin (AF2 Suppl. 1.9.7)


def lddt_ca(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*batch n 3"],
    mask: Float[Tensor, "*batch n"],
    cutoff: float = 15.0,
) -> Float[Tensor, "*batch n"]:
    """The share of each residue's true distances below `cutoff` that the prediction keeps, 0 to 1 (AF2 Suppl. 1.9.6).

    The mean over the tolerances 0.5, 1, 2 and 4 angstrom.
    """
    true_distances = _distances(true_positions)
    error = (true_distances - _distances(positions)).abs()
    others = 1 - torch.eye(mask.shape[-1], dtype=mask.dtype, device=mask.device)
    scored = (true_distances < cutoff) * mask[..., :, None] * mask[..., None, :] * others
    kept = torch.stack([(error < tolerance).to(mask) for tolerance in (0.5, 1.0, 2.0, 4.0)]).mean(0)
    # The released code counts 1e-10 on both sides: a residue without neighbours scores 1.
    return ((scored * kept).sum(-1) + 1e-10) / (scored.sum(-1) + 1e-10)


def plddt_loss(
    logits: Float[Tensor, "*batch n bins"], true_lddt: Float[Tensor, "*batch n"], mask: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    """Cross entropy of the binned lDDT-C-alpha (AF2 Suppl. 1.9.6, equation 39); `mask` is that of C-alpha."""
    num_bins = logits.shape[-1]
    bins = (true_lddt.detach() * num_bins).floor().clamp(max=num_bins - 1)
    return masked_mean(cross_entropy(logits, bins), mask, num_axes=1, eps=1e-8)


def aligned_error_loss(
    logits: Float[Tensor, "*batch n n bins"], frames: Rigid, true_frames: Rigid, mask: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    """Cross entropy of the binned error of C-alpha j in the backbone frame of i (AF2 Suppl. 1.9.7, equation 40)."""
    frames = frames.map(torch.Tensor.detach)
    local = frames[..., None].invert_apply(frames.translation[..., None, :, :])
    true_local = true_frames[..., None].invert_apply(true_frames.translation[..., None, :, :])
    squared = (local - true_local).square().sum(-1)
    edges = torch.linspace(0, LARGEST_ALIGNED_ERROR, logits.shape[-1] - 1, dtype=squared.dtype, device=squared.device)
    bins = (squared[..., None] > edges.square()).sum(-1)
    return masked_mean(cross_entropy(logits, bins), mask[..., :, None] * mask[..., None, :], num_axes=2, eps=1e-8)


def experimentally_resolved_loss(
    logits: Float[Tensor, "*batch n 37"],
    is_resolved: Float[Tensor, "*batch n 37"],
    exists: Float[Tensor, "*batch n 37"],
) -> Float[Tensor, "*batch"]:
    """Binary cross entropy of "this atom is in the experiment's model" (AF2 Suppl. 1.9.10, equation 43).

    `exists` is 1 for the atoms that the residue type has.
    """
    errors = F.binary_cross_entropy_with_logits(logits, is_resolved.to(logits), reduction="none")
    return masked_mean(errors, exists, num_axes=2, eps=1e-8)


def is_well_resolved(resolution: Float[Tensor, "*batch"], unknown: float = 0.0) -> Float[Tensor, "*batch"]:
    """1 where the experiment is good enough to teach confidence: 0.1 to 3.0 angstrom (AF2 Suppl. 1.9.6).

    `unknown` where the resolution is 0, which stands for one that is not known; the released program leaves those out.
    """
    well = ((resolution >= 0.1) & (resolution <= 3.0)).to(resolution)
    return torch.where(resolution == 0, torch.full_like(resolution, unknown), well)


def _distances(points: Tensor) -> Tensor:
    return smooth_distances(points, points, eps=1e-10)
