"""Rotation matrices and the quaternions (w, x, y, z) they come from."""

import torch
from jaxtyping import Float
from torch import Tensor


def rotation_from_quaternion(q: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation of a quaternion of any length but zero (AF2 Suppl. Alg. 23 "BackboneUpdate", lines 2-3)."""
    w, x, y, z = (q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)).unbind(-1)
    rows = [
        torch.stack([w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def quaternion_from_rotation(r: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 4"]:
    """The unit quaternion of a rotation, of the two the one with w >= 0."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in r.unbind(-2))
    # Row k is 4 q_k q, so that the row of the largest component gives q without cancellation.
    rows = [
        torch.stack([1 + xx + yy + zz, zy - yz, xz - zx, yx - xy], dim=-1),
        torch.stack([zy - yz, 1 + xx - yy - zz, yx + xy, xz + zx], dim=-1),
        torch.stack([xz - zx, yx + xy, 1 - xx + yy - zz, zy + yz], dim=-1),
        torch.stack([yx - xy, xz + zx, zy + yz, 1 - xx - yy + zz], dim=-1),
    ]
    outer = torch.stack(rows, dim=-2)
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    q = torch.take_along_dim(outer, largest[..., None, None], dim=-2).squeeze(-2)
    q = q / torch.linalg.vector_norm(q, dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)


def rotation_from_two_vectors(
    along_x: Float[Tensor, "*batch 3"], in_xy_plane: Float[Tensor, "*batch 3"], eps: float = 1e-8
) -> Float[Tensor, "*batch 3 3"]:
    """The rotation whose x axis lies along one vector and whose xy plane holds the other, by Gram-Schmidt.

    `eps` is added to squared lengths, so vectors of length zero give zeros instead of NaN.
    """
    x = _normalised(along_x, eps)
    y = _normalised(in_xy_plane - x * (x * in_xy_plane).sum(-1, keepdim=True), eps)
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=-1)], dim=-1)


def compose_rotations(a: Float[Tensor, "*#batch 3 3"], b: Float[Tensor, "*#batch 3 3"]) -> Float[Tensor, "*#batch 3 3"]:
    """a b, written as a sum so that it keeps its precision under reduced-precision matrix products."""
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)


def _normalised(v: Tensor, eps: float) -> Tensor:
    return v / torch.sqrt(v.square().sum(-1, keepdim=True) + eps)
