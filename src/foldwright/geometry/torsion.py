"""Torsion angles as points (sin, cos) on the unit circle."""

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_two_vectors


def torsion_angle(
    p1: Float[Tensor, "*batch 3"],
    p2: Float[Tensor, "*batch 3"],
    p3: Float[Tensor, "*batch 3"],
    p4: Float[Tensor, "*batch 3"],
) -> Float[Tensor, "*batch 2"]:
    """(sin, cos) of the angle about p2-p3 from p1 to p4, signed as IUPAC does; zeros where points coincide."""
    frame = Rigid(rotation_from_two_vectors(p3 - p2, p1 - p3), p3)
    sin_cos = frame.invert_apply(p4)[..., [2, 1]]
    return sin_cos / torch.sqrt(sin_cos.square().sum(-1, keepdim=True) + 1e-8)


def rotation_about_x(sin_cos: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation about the x axis by an angle given as (sin, cos): that of AF2 Suppl. Alg. 25 "makeRotX"."""
    sin, cos = sin_cos.unbind(-1)
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    flat = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=-1)
    return flat.unflatten(-1, (3, 3))
