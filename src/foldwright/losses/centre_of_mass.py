"""Are the chains of a complex far enough apart."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.losses.reduce import masked_mean

TOLERANCE = 4.0  # angstrom by which two chains may come too close, AF-Multimer, section 2.5
UNIT = 20.0  # angstrom, AF-Multimer, equation 1


def centre_of_mass_loss(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*batch n 3"],
    mask: Float[Tensor, "*batch n"],
    asym_id: Int[Tensor, "*batch n"],
) -> Float[Tensor, "*batch"]:
    """How much too close the centres of two chains' C-alphas are, squared, averaged over pairs of chains.

    AF-Multimer, section 2.5, equation 1; `mask` is that of the true C-alphas. 0 where there is but one chain.
    """
    members = (asym_id[..., None] == asym_id.unique()).to(mask) * mask[..., None]
    distances, true_distances = (_distances(_centres(x, members)) for x in (positions, true_positions))
    error = ((distances - true_distances + TOLERANCE) / UNIT).clamp(max=0).square()
    is_known = (members.sum(-2) > 0).to(mask)
    others = 1 - torch.eye(is_known.shape[-1], dtype=mask.dtype, device=mask.device)
    return masked_mean(error, is_known[..., :, None] * is_known[..., None, :] * others, num_axes=2, eps=1e-10)


def _centres(positions: Tensor, members: Tensor) -> Tensor:
    return torch.einsum("...nc,...nx->...cx", members, positions) / (members.sum(-2)[..., None] + 1e-10)


def _distances(points: Tensor) -> Tensor:
    return torch.sqrt((points[..., :, None, :] - points[..., None, :, :]).square().sum(-1) + 1e-10)
