"""How wrong are the side-chain torsions, and how far the network's angle vectors are from the unit circle."""

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.losses.reduce import masked_mean


def chi_angle_loss(
    sin_cos: Float[Tensor, "*batch n 4 2"],
    true_chi: Float[Tensor, "*true n 4"],
    is_pi_periodic: Float[Tensor, "*true n 4"],
    mask: Float[Tensor, "*true n 4"],
) -> Float[Tensor, "*batch"]:
    """The squared distance on the unit circle to the true angle, or to its half-turn where both name the same atoms.

    AF2 Suppl. Alg. 27 "torsionAngleLoss", lines 3-4; `true_chi` in radians.
    """
    # DISCREPANCY(AF2 Alg. 27): the released code compares chi 1-4 only; omega, phi and psi are left to FAPE.
    truth = torch.stack([torch.sin(true_chi), torch.cos(true_chi)], dim=-1)
    alternative = truth * (1 - 2 * is_pi_periodic)[..., None]
    error = torch.minimum((sin_cos - truth).square().sum(-1), (sin_cos - alternative).square().sum(-1))
    return masked_mean(error, mask, num_axes=2, eps=1e-10)


def angle_norm_loss(
    unnormalised: Float[Tensor, "*batch n k 2"], mask: Float[Tensor, "*mask n"]
) -> Float[Tensor, "*batch"]:
    """How far the raw angle vectors are from length 1 (AF2 Suppl. Alg. 27 "torsionAngleLoss", lines 1 and 5)."""
    length = torch.sqrt(unnormalised.square().sum(-1) + 1e-6)
    return masked_mean((length - 1).abs(), mask[..., None], num_axes=2, eps=1e-10)
