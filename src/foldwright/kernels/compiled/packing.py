"""Weights as factors of tiles, made at each call, so that they follow every update."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.kernels.compiled.tiles import COLUMNS, LANES, addresses, fits, into_half
from foldwright.llvm import Compiled, Writer


def factors(weight: Tensor, size: int) -> Tensor:
    """A weight [out in] as factors of tiles, [tile in size]: panels of its output channels, or groups of ROWS."""
    if size == COLUMNS and _is_whole(weight, size):
        return _packed(weight, weight[LANES:], size)
    return _filled(weight, size).unflatten(0, (-1, size)).transpose(1, 2).contiguous()


def gated(gate: Tensor, value: Tensor, half: int) -> Tensor:
    """Two weights [out in] as factors of tiles, [tile in 2·half], the first half of each to gate the second."""
    if half == LANES and _is_whole(gate, half) and _is_whole(value, half):
        return _packed(gate, value, half)
    halves = [_filled(x, half).unflatten(0, (-1, half)) for x in (gate, value)]
    return torch.cat(halves, 1).transpose(1, 2).contiguous()


def _is_whole(weight: Tensor, size: int) -> bool:
    return fits(weight, weight.shape[1]) and weight.is_contiguous() and len(weight) % size == 0


def _filled(weight: Tensor, size: int) -> Tensor:
    """Whole tiles, with zeros at the end."""
    missing = -len(weight) % size
    return torch.nn.functional.pad(weight, (0, 0, 0, missing)) if missing else weight


def _packed(first: Tensor, second: Tensor, apart: int) -> Tensor:
    """Panels of LANES rows of one weight beside as many of another, each panel's rows `apart` behind those before."""
    panels, depth = len(first) // apart, first.shape[1]
    out = first.new_empty(panels, depth, COLUMNS)
    _compiled().function("pack")(*addresses(first, second, out), panels, apart, depth)
    return out


@cache
def _compiled() -> Compiled:
    """Transposing in squares: torch reads a number at a time, which takes five times as long."""
    module = ir.Module()
    write = Writer(module, "pack", 6)
    *weights, out, panels, apart, depth = write.arguments
    with write.loop(panels) as panel:
        for half, weight in enumerate(weights):
            rows, place = weight.floats(panel * apart * depth), out.floats(panel * depth * COLUMNS + LANES * half)
            into_half(write, rows, depth, depth, place)
    write.end()
    return Compiled(module)
