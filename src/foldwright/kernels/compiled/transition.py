"""Transitions, compiled: a block of positions is widened, bent and narrowed within the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.kernels.columns import are_few
from foldwright.kernels.compiled.jobs import Piece, run
from foldwright.kernels.compiled.packing import factors, gated
from foldwright.kernels.compiled.tiles import (
    BLOCK,
    COLUMNS,
    LANES,
    ROWS,
    Tile,
    apart,
    bias_of,
    blocks,
    ceil_to,
    fits,
    norm_numbers,
    normalise,
    padded,
    product,
    sigmoid,
    vectors,
)
from foldwright.kernels.compiled.tokens import widened_few
from foldwright.kernels.cpu_rows import CPUSwiGLUTransition, CPUTransition
from foldwright.kernels.fast import AddsInPlace
from foldwright.llvm import Compiled, Floats
from foldwright.nn.linear import LayerNorm, Linear

DEPTH = 256  # of a panel at a time: it stays in the first cache


class CompiledPositions(AddsInPlace):
    """The part both transitions share."""

    name: str
    norm: LayerNorm
    contract: Linear

    def positions(self, x: Tensor) -> Tensor:
        """All positions."""
        if torch.is_grad_enabled() or not self.is_compiled(x):
            return super().positions(x)  # type: ignore[misc]
        out = torch.zeros_like(x, memory_format=torch.contiguous_format)
        self._add(x.contiguous(), out)
        return out

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """The positions with their update."""
        if not self.is_compiled(x):
            return x.add_(super().positions(x))  # type: ignore[misc]
        self._add(x, x)
        return x

    def is_compiled(self, x: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, channels in whole vectors."""
        return self.product_dtype is None and fits(x, x.shape[-1], self.contract.in_features)

    def widening(self) -> tuple[Tensor, Tensor]:
        """The panels of the first map, and its biases."""
        raise NotImplementedError

    def _add(self, x: Tensor, out: Tensor) -> None:
        channels, width = x.shape[-1], self.contract.in_features
        norm = norm_numbers(self.norm)
        wide = self.widening()
        narrow = factors(self.contract.weight, COLUMNS), padded(bias_of(self.contract), ceil_to(channels, COLUMNS), x)
        positions = x.numel() // channels
        given = norm, *wide, *narrow, x, out, channels, width
        room = BLOCK * (channels + ceil_to(width, COLUMNS))
        run(_compiled(), self.name, *given, total=positions, num_bytes=positions * 2 * width * 4, unit=BLOCK, room=room)


class CompiledTransition(CompiledPositions, CPUTransition):
    """AF2 Suppl. Alg. 9 and 15, a block of positions at a time."""

    name = "bent"

    def widening(self) -> tuple[Tensor, Tensor]:
        """Panels of plain columns."""
        weight, bias = self.expand.weight, self.expand.bias
        return factors(weight, COLUMNS), padded(bias, ceil_to(len(bias), COLUMNS), weight)


class CompiledSwiGLUTransition(CompiledPositions, CPUSwiGLUTransition):
    """AF3 SI Alg. 11, a block of positions at a time."""

    name = "gated"

    def _add(self, x: Tensor, out: Tensor) -> None:
        rows = x.view(-1, x.shape[-1])
        if are_few(len(rows)):
            out.add_(widened_few(self, rows).view(x.shape))
        else:
            super()._add(x, out)

    def widening(self) -> tuple[Tensor, Tensor]:
        """Panels of gates beside values."""
        return gated(self.gate.weight, self.expand.weight, LANES), self.gate.weight.new_zeros(0)


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_transition(module, "bent", COLUMNS, _bent)
    _write_transition(module, "gated", LANES, _gated)
    return Compiled(module)


def _bent(tile: Tile, bias: Floats) -> Tile:
    """Nothing below zero."""
    offsets = [bias[LANES * half].load(LANES) for half in range(2)]
    return [[(value + by).at_least(0.0) for value, by in zip(row, offsets, strict=True)] for row in tile]


def _gated(tile: Tile, bias: Floats) -> Tile:
    """One half of each row gated by the other, through a swish."""
    return [[gate * sigmoid(gate) * value] for gate, value in tile]


def _write_transition(module: ir.Module, name: str, columns: int, bend: Callable[[Tile, Floats], Tile]) -> None:
    """Adds to `out`; a panel of the first map makes so many columns of the wide layer."""
    write = Piece(module, name, 9)
    norm, widening, bias, narrowing, offset, x, out, channels, width = write.arguments
    normal, wide = write.room.floats(), write.room.floats(channels * BLOCK)
    with write.loop(write.stop, write.begin, BLOCK) as start:
        here, count = start * channels, (write.stop - start).at_most(BLOCK)
        normalise(write, x.floats(here), channels, count, channels, norm.floats(), normal)
        with write.loop(width, step=columns) as column, write.loop(count, step=ROWS) as row:
            panel = widening.floats(column * channels * (COLUMNS // columns))
            tile = product(write, apart(normal[row * channels], channels), 1, panel, channels)
            for r, at, value in vectors(write, bend(tile, bias.floats(column)), count - row, width - column):
                wide[(row + r) * width + column + at].store(value)
        with write.loop(width, step=DEPTH) as first, blocks(write, count, channels) as (row, column):
            panel = narrowing.floats(column * width + first * COLUMNS)
            tile = product(write, apart(wide[row * width + first], width), 1, panel, (width - first).at_most(DEPTH))
            by = write.choose(first < 1, write.constant(1.0), write.constant(0.0)).everywhere(LANES)
            for r, at, update in vectors(write, tile, count - row, channels - column):
                place = out.floats(here + (row + r) * channels + column + at)
                place.store(place.load(LANES) + offset.floats(column + at).load(LANES).times_plus(by, update))
    write.end()
