"""Triangle multiplication, compiled: edges, their product and the output, each in one pass over the pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.kernels.compiled.jobs import Jobs, Piece
from foldwright.kernels.compiled.packing import factors, gated
from foldwright.kernels.compiled.tiles import (
    BLOCK,
    COLUMNS,
    GATED,
    LANES,
    ROWS,
    apart,
    bias_of,
    ceil_to,
    fits,
    into_panel,
    norm_numbers,
    normalise,
    padded,
    product,
    sigmoid,
    standardise,
    vectors,
)
from foldwright.kernels.cpu_triangle import (
    CPUTriangleMultiplication,
    CPUTriangleMultiplicationIncoming,
    CPUTriangleMultiplicationOutgoing,
)
from foldwright.llvm import Compiled, Floats, Number, Writer

GAP = COLUMNS  # floats behind each channel
DEPTH = 256  # of a product at a time: a panel stays in the first cache


class CompiledTriangleMultiplication(CPUTriangleMultiplication):
    """Both directions. Edges lie channels first, [c n width], rows padded to whole panels, a gap behind each channel.

    Without it channels of 128 or 256 tokens would lie a power of two apart, and so in a few lines of every cache.
    """

    product_name: str

    def _one(self, z: Tensor, mask: Tensor) -> Tensor:
        if not self.is_compiled(z):
            return super()._one(z, mask)
        out = torch.zeros_like(z, memory_format=torch.contiguous_format)
        self._add(z.contiguous(), mask, out)
        return out

    def _one_onto(self, z: Tensor, mask: Tensor) -> None:
        if not self.is_compiled(z):
            return super()._one_onto(z, mask)
        self._add(z, mask, z)

    def is_compiled(self, z: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, channels in whole vectors."""
        return self.product_dtype is None and fits(z, z.shape[-1], self.out.in_features)

    def _add(self, z: Tensor, mask: Tensor, out: Tensor) -> None:
        n, channels = len(z), self.out.in_features
        width = ceil_to(n, COLUMNS)
        norm = norm_numbers(self.norm)
        # Tiles reach a little beyond what there is; what they find there ends in no result.
        edges = z.new_empty(2 * channels * (n * width + GAP) + COLUMNS * width + BLOCK)
        x = z.new_empty(channels * (n * width + GAP) + BLOCK)
        jobs = Jobs()
        self._add_edges(jobs, z, mask, norm, edges, width)
        room, num_bytes = min(ceil_to(n, LANES), DEPTH) * COLUMNS, channels * n * width * 4
        given = edges, x, channels, n, width
        jobs.add(_compiled(), self.product_name, *given, total=channels, num_bytes=num_bytes, room=room)
        self._add_output(jobs, z, norm, x, out, width)
        jobs.run()

    def _add_edges(self, jobs: Jobs, z: Tensor, mask: Tensor, norm: Tensor, edges: Tensor, width: int) -> None:
        n, c_z = z.shape[1:]
        sides = (self.left_gate, self.right_gate), (self.left, self.right)
        gate, value = (torch.cat([side.weight for side in pair]) for pair in sides)
        gate_bias, value_bias = (torch.cat([bias_of(side) for side in pair])[:, None] for pair in sides)
        weights, biases = gated(gate, value, GATED), gated(gate_bias, value_bias, GATED)
        mask = padded(mask.reshape(-1).to(z.dtype), mask.numel() + COLUMNS, z)
        channels = 2 * self.out.in_features
        given = z, mask, norm, weights, biases, edges, n, width, c_z, channels
        jobs.add(_compiled(), "edges", *given, total=n, num_bytes=n * n * 2 * channels * 4, room=2 * COLUMNS * c_z)

    def _add_output(self, jobs: Jobs, z: Tensor, norm: Tensor, x: Tensor, out: Tensor, width: int) -> None:
        n, c_z = z.shape[1:]
        channels = self.out.in_features
        # The scale of the normalisation goes into the weights, its offset into the bias.
        center = torch.addmv(bias_of(self.out), self.out.weight, self.center_norm.bias)
        weights = [factors(w, COLUMNS) for w in (self.gate.weight, self.out.weight * self.center_norm.weight)]
        length = ceil_to(c_z, COLUMNS)
        biases = padded(bias_of(self.gate), length, z), padded(center, length, z)
        epsilon = norm.new_tensor([self.center_norm.eps])
        given = z, x, norm, epsilon, *weights, *biases, out, n, width, c_z, channels
        room = BLOCK * (c_z + channels) + ROWS * COLUMNS
        jobs.add(_compiled(), "output", *given, total=n, num_bytes=n * n * 4 * c_z * 4, room=room)


class CompiledTriangleMultiplicationOutgoing(CompiledTriangleMultiplication, CPUTriangleMultiplicationOutgoing):
    """AF2 Suppl. Alg. 11: the sum over k of a_ik b_jk."""

    product_name = "outgoing"


class CompiledTriangleMultiplicationIncoming(CompiledTriangleMultiplication, CPUTriangleMultiplicationIncoming):
    """AF2 Suppl. Alg. 12: the sum over k of a_kj b_ki."""

    product_name = "incoming"


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_edges(module)
    _write_product(module, "outgoing", _outgoing)
    _write_product(module, "incoming", _incoming)
    _write_output(module)
    return Compiled(module)


def _write_edges(module: ir.Module) -> None:
    """Rows of pairs become rows of edges, gated and masked."""
    write = Piece(module, "edges", 10)
    z, mask, norm, weights, biases, edges, n, width, c_z, channels = write.arguments
    normal, panel = write.room.floats(), write.room.floats(c_z * COLUMNS)
    with write.loop(write.stop, write.begin) as i, write.loop(n, step=COLUMNS) as j:
        here = i * n + j
        normalise(write, z.floats(here * c_z), c_z, (n - j).at_most(COLUMNS), c_z, norm.floats(), normal)
        into_panel(write, normal, c_z, c_z, panel)
        with write.loop(channels, step=GATED) as channel:
            left = weights.floats(channel * c_z * 2)
            tile = product(write, apart(left, 1), ROWS, panel, c_z)
            for row in range(GATED):
                with write.when(channel + row < channels):
                    offsets = [biases.floats(channel * 2 + row + part).load().everywhere(LANES) for part in (0, GATED)]
                    for half in range(2):
                        at = LANES * half
                        gate, value = tile[row][half] + offsets[0], tile[row + GATED][half] + offsets[1]
                        edge = sigmoid(gate) * value * mask.floats(here + at).load(LANES)
                        edges.floats((channel + row) * (n * width + GAP) + i * width + j + at).store(edge)
    write.end()


Left = tuple[Floats, Number, Number]  # where the left factor begins, and the steps between its rows and columns


def _outgoing(
    write: Writer, a: Number, b: Number, first: Number, depth: Number, j: Number, width: Number, panel: Floats
) -> Left:
    """Rows of both edges."""
    into_panel(write, b.floats(j * width + first), width, depth, panel)
    return a.floats(first), width, write.word(1)


def _incoming(
    write: Writer, a: Number, b: Number, first: Number, depth: Number, j: Number, width: Number, panel: Floats
) -> Left:
    """Columns of both."""
    with write.loop(depth) as k:
        for half in range(2):
            panel[k * COLUMNS + LANES * half].store(a.floats((first + k) * width + j + LANES * half).load(LANES))
    return b.floats(first * width), write.word(1), width


def _write_product(module: ir.Module, name: str, operands: Callable[..., Left]) -> None:
    """The product of edges over the third corner, channel by channel; `operands` fills the panel with one factor."""
    write = Piece(module, name, 5)
    edges, x, channels, n, width = write.arguments
    size, panel = n * width + GAP, write.room.floats()
    with (
        write.loop(write.stop, write.begin) as channel,
        write.loop(n, step=DEPTH) as first,
        write.loop(n, step=COLUMNS) as j,
    ):
        depth = (n - first).at_most(DEPTH)
        a, b = (edges + (channel + side) * size * 4 for side in (write.word(0), channels))
        left, row_step, step = operands(write, a, b, first, depth, j, width, panel)
        with write.loop(n, step=ROWS) as i:
            tile = product(write, apart(left[i * row_step], row_step), step, panel, depth)
            for row, at, update in vectors(write, tile, n - i, width - j):
                place = x.floats(channel * size + (i + row) * width + j + at)
                place.store(write.choose(first < 1, update, place.load(LANES) + update))
    write.end()


def _write_output(module: ir.Module) -> None:
    """Normalises the product over its channels and projects it; added behind the gate that the pairs open."""
    write = Piece(module, "output", 13)
    z, x, norm, epsilon, gate, weight, gate_bias, bias, out, n, width, c_z, channels = write.arguments
    normal, center = write.room.floats(), write.room.floats(c_z * BLOCK)
    opened = write.room.floats((c_z + channels) * BLOCK)

    def put(channel: Number, at: int, value: Number) -> None:
        center[channel * BLOCK + at].store(value)

    with write.loop(write.stop, write.begin) as i, write.loop(n, step=BLOCK) as j:
        here, count = (i * n + j) * c_z, (n - j).at_most(BLOCK)
        normalise(write, z.floats(here), c_z, count, c_z, norm.floats(), normal)
        found = x.floats(i * width + j)
        standardise(write, found, n * width + GAP, channels, epsilon.floats().load(), BLOCK, put)
        with write.loop(c_z, step=COLUMNS) as column, write.loop(count, step=ROWS) as row:
            tile = product(write, apart(normal[row * c_z], c_z), 1, gate.floats(column * c_z), c_z)
            for r, halves in enumerate(tile):
                for half, value in enumerate(halves):
                    at = LANES * half
                    opened[r * COLUMNS + at].store(sigmoid(value + gate_bias.floats(column + at).load(LANES)))
            tile = product(write, apart(center[row], 1), BLOCK, weight.floats(column * channels), channels)
            for r, at, value in vectors(write, tile, count - row, c_z - column):
                place = out.floats(here + (row + r) * c_z + column + at)
                update = value + bias.floats(column + at).load(LANES)
                place.store(opened[r * COLUMNS + at].load(LANES).times_plus(update, place.load(LANES)))
    write.end()
