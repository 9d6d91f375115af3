"""The rigid motion that lays one set of points over another."""

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rigid import Rigid


def superpose(
    mobile: Float[Tensor, "*batch points 3"],
    target: Float[Tensor, "*batch points 3"],
    weights: Float[Tensor, "*batch points"],
) -> Rigid:
    """The motion of `mobile` with the least weighted squared distance to `target` (Kabsch 1976); never a reflection."""
    share = (weights / weights.sum(-1, keepdim=True).clamp_min(1e-12))[..., None]
    centre, goal = (share * mobile).sum(-2), (share * target).sum(-2)
    covariance = (target - goal[..., None, :]).mT @ (share * (mobile - centre[..., None, :]))
    u, _, vt = torch.linalg.svd(covariance)
    sign = torch.ones_like(centre)
    sign[..., 2] = torch.linalg.det(u @ vt).sign()
    rotation = (u * sign[..., None, :]) @ vt
    return Rigid(rotation, goal - (rotation * centre[..., None, :]).sum(-1))
