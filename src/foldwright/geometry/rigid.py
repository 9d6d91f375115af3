"""Rigid motions: the frames of residues and of the atom groups within them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rotation import compose_rotations, rotation_from_two_vectors


@dataclass(frozen=True)
class Rigid:
    """x -> rotation x + translation, for any batch of frames (AF2 Suppl. 1.1, equations 1-5)."""

    rotation: Float[Tensor, "*batch 3 3"]
    translation: Float[Tensor, "*batch 3"]

    @classmethod
    def identity(cls, shape: Sequence[int], like: Tensor) -> Rigid:
        """Frames that move nothing, with the dtype and device of `like`."""
        rotation = torch.eye(3, dtype=like.dtype, device=like.device).expand(*shape, 3, 3)
        return cls(rotation, like.new_zeros(*shape, 3))

    @classmethod
    def from_3_points(
        cls,
        x1: Float[Tensor, "*batch 3"],
        x2: Float[Tensor, "*batch 3"],
        x3: Float[Tensor, "*batch 3"],
        eps: float = 1e-8,  # the released code's, added to squared lengths
    ) -> Rigid:
        """The frame at x2 with x3 on its x axis and x1 in its xy plane: N, CA, C for a backbone.

        AF2 Suppl. Alg. 21 "rigidFrom3Points".
        """
        return cls(rotation_from_two_vectors(x3 - x2, x1 - x2, eps), x2)

    @classmethod
    def from_matrix(cls, matrix: Float[Tensor, "*batch 4 4"]) -> Rigid:
        """The frames of homogeneous 4 x 4 matrices."""
        return cls(matrix[..., :3, :3], matrix[..., :3, 3])

    @classmethod
    def stack(cls, frames: Sequence[Rigid], dim: int = 0) -> Rigid:
        """Join frames along a new batch axis; `dim` counts from the first axis."""
        return cls(torch.stack([f.rotation for f in frames], dim), torch.stack([f.translation for f in frames], dim))

    @property
    def shape(self) -> torch.Size:
        """The batch shape."""
        return self.translation.shape[:-1]

    def apply(self, points: Float[Tensor, "*points 3"]) -> Float[Tensor, "*moved 3"]:
        """Points given in the frame, seen from outside it; unsqueeze the frames to move several points by each."""
        return (self.rotation * points[..., None, :]).sum(-1) + self.translation

    def invert_apply(self, points: Float[Tensor, "*points 3"]) -> Float[Tensor, "*moved 3"]:
        """Points given outside, seen from within the frame."""
        return (self.rotation * (points - self.translation)[..., :, None]).sum(-2)

    def invert(self) -> Rigid:
        """The motion that undoes this one."""
        back = self.rotation.transpose(-1, -2)
        return Rigid(back, -(back * self.translation[..., None, :]).sum(-1))

    def __matmul__(self, other: Rigid) -> Rigid:
        """First `other`, then this; batch axes broadcast."""
        return Rigid(compose_rotations(self.rotation, other.rotation), self.apply(other.translation))

    def scale(self, factor: float) -> Rigid:
        """The same frames in other units of length."""
        return Rigid(self.rotation, self.translation * factor)

    def detach_rotation(self) -> Rigid:
        """The same frames with no gradient through their rotations."""
        return Rigid(self.rotation.detach(), self.translation)

    def map(self, change: Callable[[Tensor], Tensor]) -> Rigid:
        """The frames with `change` applied to rotation and translation, such as a move to another device."""
        return Rigid(change(self.rotation), change(self.translation))

    def to_matrix(self) -> Float[Tensor, "*batch 4 4"]:
        """Homogeneous 4 x 4 matrices."""
        upper = torch.cat([self.rotation, self.translation[..., None]], dim=-1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*self.shape, 1, 4)
        return torch.cat([upper, last], dim=-2)

    def __getitem__(self, index: Any) -> Rigid:
        """Index the batch axes as one would a tensor of frames; `[..., None]` adds an axis."""
        index = index if isinstance(index, tuple) else (index,)
        open_ended = any(i is Ellipsis for i in index)
        rotation = self.rotation[(*index, slice(None), slice(None))] if open_ended else self.rotation[index]
        return Rigid(rotation, self.translation[(*index, slice(None))] if open_ended else self.translation[index])
