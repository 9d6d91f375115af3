"""How the blocks of a network are run in training: recomputed in the backward pass, in bfloat16.

Installed from outside, as kernels are: a block keeps its parameters and their names and changes its class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from foldwright.models.af2.evoformer import ResidualBlock
from foldwright.nn.linear import LayerNorm

Model = TypeVar("Model", bound=nn.Module)


class Recomputed(nn.Module):
    """Keeps its inputs alone and runs again when the gradient needs more (AF2 Suppl. 1.11.8).

    What it draws at random, it draws alike both times.
    """

    def forward(self, *inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return super().forward(*inputs)
        return checkpoint(super().forward, *inputs, use_reentrant=False)


class InBFloat16(nn.Module):
    """Products in bfloat16; the stream that runs past the layers, their norms and softmaxes in float32."""

    def forward(self, *inputs: Any) -> Any:
        with torch.autocast(inputs[0].device.type, torch.bfloat16):
            return super().forward(*inputs)


class Float32LayerNorm(LayerNorm):
    """Normalises in float32 whatever it is given; on a CPU autocast would not."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input.float())


def outer_blocks(model: nn.Module) -> Iterator[nn.Module]:
    """Blocks of the Evoformer, the extra MSA stack and the templates, without those inside of another."""
    for child in model.children():
        if isinstance(child, ResidualBlock):
            yield child
        else:
            yield from outer_blocks(child)


def recompute(model: Model) -> Model:
    """The same model, whose memory for activations grows with the number of blocks by their inputs only."""
    for block in outer_blocks(model):
        block.__class__ = _with(Recomputed, type(block))
    return model


def use_bfloat16(model: Model) -> Model:
    """The same model with the products of its blocks in bfloat16; structure module, heads and losses as they were."""
    for block in outer_blocks(model):
        block.__class__ = _with(InBFloat16, type(block))
        for layer in block.modules():
            if type(layer) is LayerNorm:
                layer.__class__ = Float32LayerNorm
    return model


@cache
def _with(manner: type[nn.Module], block: type[nn.Module]) -> type[nn.Module]:
    return type(f"{manner.__name__}{block.__name__}", (manner, block), {"__doc__": block.__doc__})
