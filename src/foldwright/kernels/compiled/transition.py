"""The gated transition, compiled: a block of positions is widened, gated and narrowed within the cache."""

from __future__ import annotations

from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.kernels.compiled.tiles import (
    BLOCK,
    COLUMNS,
    LANES,
    ROWS,
    addresses,
    factors,
    fits,
    gated,
    norm_numbers,
    normalise,
    product,
    sigmoid,
    vectors,
)
from foldwright.kernels.cpu_rows import CPUSwiGLUTransition
from foldwright.llvm import Compiled, Writer

DEPTH = 256  # of a panel at a time: it stays in the first cache


class CompiledSwiGLUTransition(CPUSwiGLUTransition):
    """AF3 SI Alg. 11, a block of positions at a time."""

    def positions(self, x: Tensor) -> Tensor:
        """All positions."""
        if torch.is_grad_enabled() or not self.is_compiled(x):
            return super().positions(x)
        out = torch.zeros_like(x, memory_format=torch.contiguous_format)
        self._add(x.contiguous(), out)
        return out

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """The positions with their update."""
        if not self.is_compiled(x):
            return super().add_to(x, *rest)
        self._add(x, x)
        return x

    def is_compiled(self, x: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, channels in whole vectors."""
        return self.product_dtype is None and fits(x, x.shape[-1], len(self.gate.weight))

    def _add(self, x: Tensor, out: Tensor) -> None:
        channels, width = x.shape[-1], len(self.gate.weight)
        norm = norm_numbers(self.norm)
        widening, narrowing = gated(self.gate.weight, self.expand.weight, LANES), factors(self.contract.weight, COLUMNS)
        run = _compiled().function("transition")

        def widen(some: slice) -> None:
            room = x.new_empty(BLOCK * (channels + len(widening) * LANES))
            run(*addresses(norm, widening, narrowing, x, out, room), some.start, some.stop, channels, width)

        self.each_piece(x.numel() // channels, 2 * width * x.element_size(), widen)


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    write = Writer(module, "transition", 10)
    norm, widening, narrowing, x, out, room, begin, end, channels, width = write.arguments
    wide = room.floats(channels * BLOCK)
    with write.loop(end, begin, BLOCK) as start:
        here = start * channels
        count = (end - start).at_most(BLOCK)
        normalise(write, x.floats(here), channels, count, channels, norm.floats(), room.floats())
        with write.loop(width, step=LANES) as column, write.loop(count, step=ROWS) as row:
            panel = widening.floats(column * 2 * channels)
            tile = product(write, room.floats(row * channels), channels, write.word(1), panel, channels)
            for i, (gate, value) in enumerate(tile):
                wide[(row + i) * width + column].store(gate * sigmoid(gate) * value)
        with write.loop(width, step=DEPTH) as first:
            depth = (width - first).at_most(DEPTH)
            with write.loop(channels, step=COLUMNS) as column, write.loop(count, step=ROWS) as row:
                panel = narrowing.floats(column * width + first * COLUMNS)
                tile = product(write, wide[row * width + first], width, write.word(1), panel, depth)
                for i, at, update in vectors(write, tile, count - row, channels - column):
                    place = out.floats(here + (row + i) * channels + column + at)
                    place.store(place.load(LANES) + update)
    write.end()
    return Compiled(module)
