"""Attention along rows, compiled: each row from its normalisation to its output within the cache."""

from __future__ import annotations

import math
from functools import cache
from itertools import chain

import torch
from llvmlite import ir
from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.compiled.jobs import Piece, run
from foldwright.kernels.compiled.packing import factors
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    LANES,
    ROWS,
    apart,
    bias_of,
    blocks,
    ceil_to,
    fits,
    into_panel,
    norm_numbers,
    normalise,
    padded,
    power_of_two,
    product,
    sigmoid,
    start_of,
    vectors,
)
from foldwright.kernels.cpu_attention import (
    CPUAttention,
    CPUMSAColumnAttention,
    CPUMSARowAttention,
    CPUTriangleAttention,
    CPUTriangleAttentionEndingNode,
    CPUTriangleAttentionEndingNodeUnturned,
    CPUTriangleAttentionStartingNode,
    PairLogits,
)
from foldwright.llvm import Compiled, Floats, Number, Writer
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import LayerNorm, Linear

PARTS = 4  # query, key, value and gate of a head lie side by side


class CompiledPairLogits(PairLogits):
    """What pairs add to logits, from one pass over them."""

    def logits_of_pairs(self, z: Tensor, norm: LayerNorm, linear: Linear) -> Tensor:
        """The bias of all rows, [1 h n n]; its rows may lie apart."""
        if self.product_dtype is not None or not fits(z, z.shape[-1]):
            return super().logits_of_pairs(z, norm, linear)
        (rows, n, channels), heads = z.shape, len(linear.weight)
        width = ceil_to(n, COLUMNS)
        out = z.new_empty(heads, rows, width)
        numbers, weights = norm_numbers(norm), factors(linear.weight, ROWS)
        given = start_of(z), numbers, weights, out, *z.stride()[:2], rows, n, width, channels, heads
        run(_compiled(), "logits", *given, total=rows, num_bytes=z.numel() * 4, room=2 * COLUMNS * channels)
        return out[None, ..., :n]


class CompiledAttention(CompiledPairLogits, CPUAttention):
    """Gated self-attention along rows."""

    def each_row(self, x: Tensor, mask: Tensor, b: Tensor | None) -> Tensor:
        """Along the rows of x [r l c], with logits b [1 h l l] common to them."""
        if not self.is_compiled(x):
            return super().each_row(x, mask, b)
        out = torch.zeros_like(x)
        if out.stride() != x.stride():  # x has gaps
            return self.each_row(x.contiguous(), mask, b)
        self.add_rows(x, mask, b, out)
        return out

    def is_compiled(self, x: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, channels in whole vectors."""
        width = len(self.core.query.weight) // self.core.heads
        return self.product_dtype is None and fits(x, x.shape[-1], width)

    def add_rows(self, x: Tensor, mask: Tensor, b: Tensor | None, out: Tensor) -> None:
        """Adds to `out`, which lies as x does, what its positions gather."""
        core, (rows, n, channels) = self.core, x.shape
        wide = core.out.in_features
        length = ceil_to(n, COLUMNS)
        norm, (weights, biases) = norm_numbers(self.norm), _joined(core)
        narrowing = factors(core.out.weight, COLUMNS)
        out_bias = padded(bias_of(core.out), ceil_to(channels, COLUMNS), x)
        common, steps = _in_bits(b, n, x)
        erased = nn.functional.pad(((1 - mask) * ERASED).to(x.dtype), (0, length - n)).contiguous()
        width = wide // core.heads
        sizes = *x.stride()[:2], *steps, n, length, channels, core.heads, width
        given = start_of(x), start_of(out), norm, weights, biases, common, erased, narrowing, out_bias, *sizes
        room, num_bytes = _room(n, channels, wide, width), rows * n * PARTS * wide * 4
        run(_compiled(), "attention", *given, total=rows, num_bytes=num_bytes, room=room)


class CompiledMSARowAttention(CompiledAttention, CPUMSARowAttention):
    """AF2 Suppl. Alg. 7."""


class CompiledMSAColumnAttention(CompiledAttention, CPUMSAColumnAttention):
    """AF2 Suppl. Alg. 8."""


class CompiledTriangleAttention(CompiledAttention, CPUTriangleAttention):
    """AF2 Suppl. Alg. 13 and 14."""

    def _one_onto(self, z: Tensor, mask: Tensor) -> None:
        if not self.is_compiled(z):
            return super()._one_onto(z, mask)
        z, mask, b = self.turned(z, mask)
        self.add_rows(z, mask, b, z)


class CompiledTriangleAttentionStartingNode(CompiledTriangleAttention, CPUTriangleAttentionStartingNode):
    """AF2 Suppl. Alg. 13."""


class CompiledTriangleAttentionEndingNode(CompiledTriangleAttention, CPUTriangleAttentionEndingNode):
    """AF2 Suppl. Alg. 14."""


class CompiledTriangleAttentionEndingNodeUnturned(CompiledTriangleAttention, CPUTriangleAttentionEndingNodeUnturned):
    """The form of AF3's released weights: columns of z with the bias of its rows."""


def _joined(core: GatedAttention) -> tuple[Tensor, Tensor]:
    """Panels of all heads, each with its query, key, value and gate, and the biases; logits are in powers of two."""
    assert core.gate is not None
    scale = math.log2(math.e) * (len(core.query.weight) // core.heads) ** -0.5
    maps = core.query, core.key, core.value, core.gate
    factor = (scale, 1, 1, 1)
    weights = [(layer.weight * by).unflatten(0, (core.heads, -1)) for layer, by in zip(maps, factor, strict=True)]
    biases = [(bias_of(layer) * by).unflatten(0, (core.heads, -1)) for layer, by in zip(maps, factor, strict=True)]
    return factors(torch.cat(weights, 1).flatten(0, 1), COLUMNS), torch.cat(biases, 1).flatten()


def _in_bits(b: Tensor | None, n: int, like: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Common logits as powers of two, nothing behind the last position; steps between heads and rows."""
    if b is None:
        return nn.functional.pad(like.new_zeros(n), (0, -n % COLUMNS), value=-math.inf), (0, 0)
    width = ceil_to(n, COLUMNS)
    common = like.new_empty(b.shape[1] * n * width + ROWS * width)  # the last tile reads rows that are not there
    rows = common[: b.shape[1] * n * width].view(-1, n, width)
    torch.mul(b[0], math.log2(math.e), out=rows[..., :n])
    rows[..., n:] = -math.inf
    return common, (n * width, width)


def _room(n: int, channels: int, wide: int, width: int) -> int:
    """Floats that one row needs while it is worked on."""
    length = ceil_to(n, COLUMNS)
    values = ceil_to(width, COLUMNS) * n
    return (length + ROWS) * (channels + PARTS * width + wide) + length * (width + ROWS) + values + ROWS * LANES


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_logits(module)
    _write_attention(module)
    return Compiled(module)


def _write_logits(module: ir.Module) -> None:
    """Rows of pairs become rows of logits for each head."""
    write = Piece(module, "logits", 11)
    z, norm, weights, out, row_step, step, rows, n, width, channels, heads = write.arguments
    normal, panel = write.room.floats(), write.room.floats(channels * COLUMNS)
    with write.loop(write.stop, write.begin) as i, write.loop(n, step=COLUMNS) as j:
        count = (n - j).at_most(COLUMNS)
        normalise(write, z.floats(i * row_step + j * step), step, count, channels, norm.floats(), normal)
        into_panel(write, normal, channels, channels, panel)
        with write.loop(heads, step=ROWS) as head:
            tile = product(write, apart(weights.floats(head * channels), 1), ROWS, panel, channels)
            for row, at, logits in vectors(write, tile, heads - head, width - j):
                out.floats(((head + row) * rows + i) * width + j + at).store(logits)
    write.end()


def _write_attention(module: ir.Module) -> None:
    """Rows with what their positions gather from each other."""
    write = Piece(module, "attention", 18)
    x, out, norm, weights, biases, common, erased, narrowing, out_bias, *numbers = write.arguments
    row_step, step, head_step, common_step, n, length, channels, heads, width = numbers
    wide = heads * width
    normal = write.room.floats()
    projected = normal[(length + ROWS) * channels]
    gathered = projected[(length + ROWS) * width * PARTS]
    keys = gathered[(length + ROWS) * wide]
    weight = keys[length * width]
    shares = weight[length * ROWS]
    values = shares[ROWS * LANES]
    with write.loop(write.stop, write.begin) as row:
        normalise(write, x.floats(row * row_step), step, n, channels, norm.floats(), normal)
        with write.loop(heads) as head:
            panels, bias = (y.floats(head * width * PARTS * per) for y, per in ((weights, channels), (biases, 1)))
            _project(write, normal, n, channels, panels, bias, width * PARTS, projected)
            _arrange(write, projected, n, width, keys, values)
            with write.loop(n, step=ROWS) as i:
                queries = projected[i * width * PARTS]
                seen = common.floats(head * head_step + i * common_step), common_step, erased.floats(row * length)
                _weigh(write, queries, keys, seen, length, width, weight, shares)
                with write.loop(width, step=COLUMNS) as column:
                    tile = product(write, apart(weight, length), 1, values[column * n], n)
                    for r, at, value in vectors(write, tile, n - i, width - column):
                        gate = queries[width * (PARTS * r + PARTS - 1) + column + at].load(LANES)
                        share = shares[r * LANES].load(LANES)
                        place = gathered[(i + r) * wide + head * width + column + at]
                        place.store(value * share * sigmoid(gate))
        with blocks(write, n, channels) as (i, column):
            tile = product(write, apart(gathered[i * wide], wide), 1, narrowing.floats(column * wide), wide)
            for r, at, update in vectors(write, tile, n - i, channels - column):
                place = out.floats(row * row_step + (i + r) * step + column + at)
                place.store(place.load(LANES) + update + out_bias.floats(column + at).load(LANES))
    write.end()


def _project(
    write: Writer, normal: Floats, n: Number, channels: Number, panels: Floats, bias: Floats, width: Number, out: Floats
) -> None:
    """The map of normalised positions, with its bias."""
    with blocks(write, n, width) as (i, column):
        tile = product(write, apart(normal[i * channels], channels), 1, panels[column * channels], channels)
        for r, halves in enumerate(tile):
            for half, value in enumerate(halves):
                at = LANES * half
                out[(i + r) * width + column + at].store(value + bias[column + at].load(LANES))


def _arrange(write: Writer, projected: Floats, n: Number, width: Number, keys: Floats, values: Floats) -> None:
    """Keys and values as panels."""
    step = width * PARTS
    with write.loop(n, step=COLUMNS) as j:
        into_panel(write, projected[j * step + width], step, width, keys[j * width])
    with write.loop(width, step=COLUMNS) as column, write.loop(n) as k:
        for at in (0, LANES):
            value = projected[k * step + width * 2 + column + at].load(LANES)
            values[column * n + k * COLUMNS + at].store(value)


def _weigh(
    write: Writer,
    queries: Floats,
    keys: Floats,
    seen: tuple[Floats, Number, Floats],
    length: Number,
    width: Number,
    weight: Floats,
    shares: Floats,
) -> None:
    """Weights of ROWS queries, the largest of each 1, and in `shares` what makes them add up to 1."""
    common, step, erased = seen
    with write.loop(length, step=COLUMNS) as j:
        places = [(r, j + LANES * half) for r in range(ROWS) for half in range(2)]
        bias = [common[step * r + at].load(LANES) + erased[at].load(LANES) for r, at in places]
        tile = product(write, apart(queries, width * PARTS), 1, keys[j * width], width, bias)
        for (r, at), logits in zip(places, chain(*tile), strict=True):
            weight[length * r + at].store(logits)
    with write.loop(ROWS) as r:
        row = weight[r * length]
        halves = range(0, COLUMNS, LANES)

        def climb(j: Number, top: list[Number], row: Floats = row) -> list[Number]:
            return [row[j + at].load(LANES).at_least(highest) for at, highest in zip(halves, top, strict=True)]

        tops = write.fold(length, [write.constant(-math.inf, LANES)] * 2, climb, step=COLUMNS)
        top = tops[0].at_least(tops[1]).largest().everywhere(LANES)

        def add(j: Number, totals: list[Number], row: Floats = row, top: Number = top) -> list[Number]:
            powers = [power_of_two(row[j + at].load(LANES) - top) for at in halves]
            for at, power in zip(halves, powers, strict=True):
                row[j + at].store(power)
            return [total + power for total, power in zip(totals, powers, strict=True)]

        totals = write.fold(length, [write.zeros(LANES)] * 2, add, step=COLUMNS)
        shares[r * LANES].store((1.0 / (totals[0] + totals[1]).total()).everywhere(LANES))
