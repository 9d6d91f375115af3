"""Frames of any three atoms, and points seen from them: what AlphaFold 3 measures alignment errors with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rigid import Rigid


def frame_of_atoms(
    a: Float[Tensor, "*batch 3"], b: Float[Tensor, "*batch 3"], c: Float[Tensor, "*batch 3"], eps: float = 1e-8
) -> Rigid:
    """The frame at b whose x axis halves the angle between a and c, with c to the side of its y axis.

    AF3 SI Alg. 29 "expressCoordinatesInFrame", lines 1-6. Neither arm is preferred, as N and C are for a backbone.
    """
    arm_a, arm_c = F.normalize(a - b, dim=-1, eps=eps), F.normalize(c - b, dim=-1, eps=eps)
    x_axis = F.normalize(arm_a + arm_c, dim=-1, eps=eps)
    y_axis = F.normalize(arm_c - arm_a, dim=-1, eps=eps)
    return Rigid(torch.stack([x_axis, y_axis, torch.linalg.cross(x_axis, y_axis)], -1), b)


def express_in_frames(frames: Rigid, points: Float[Tensor, "*batch p 3"]) -> Float[Tensor, "*batch f p 3"]:
    """Every point as every frame sees it.

    AF3 SI Alg. 29 "expressCoordinatesInFrame", lines 7-11.
    """
    return frames[..., None].invert_apply(points[..., None, :, :])
