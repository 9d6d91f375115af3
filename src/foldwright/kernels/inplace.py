"""Residual updates in place: the stream that runs past the layers is never copied."""

from functools import cache

import torch
from torch import Tensor

from foldwright.kernels.fast import Fast
from foldwright.models.af2.evoformer import ResidualBlock


class InPlaceResidual(Fast, ResidualBlock):
    """Adds into the stream, which belongs to the caller: a stack hands its own on from block to block."""

    is_inference_only = True

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """x, changed."""
        return super().add(x, update) if torch.is_grad_enabled() else x.add_(update)


@cache
def in_place(block: type[ResidualBlock]) -> type[ResidualBlock]:
    """The same kind of block, adding in place."""
    return type(f"InPlace{block.__name__}", (InPlaceResidual, block), {"__doc__": block.__doc__})
