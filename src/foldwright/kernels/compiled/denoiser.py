"""The transformer of AF3's denoiser, compiled: weights are read once a step, where they lie.

Positions lie in panels, [panel channels COLUMNS]: the result of one product is the right factor of the next. A weight
is the left one, so that nothing of its 0.8 GB is packed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from llvmlite import ir
from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.columns import ranges
from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    GATED,
    LANES,
    ROWS,
    Tile,
    addresses,
    apart,
    bias_of,
    ceil_to,
    fits,
    power_of_two,
    product,
    sigmoid,
    standardise,
)
from foldwright.kernels.cpu_denoiser import CPUDiffusionTransformer
from foldwright.kernels.spread import spread, team
from foldwright.llvm import Compiled, Floats, Number, Some, Writer
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformerBlock
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition

DEPTH = 768  # of a product at a time
CACHED = 400 << 10  # bytes of panels that stay in the second cache beside the weights
PIECES = 4  # of a layer for each thread: they cost little, and the one that is late then holds up less
LINE = 16  # floats that memory sends together
CONDITIONED = 6  # tensors of a block: two norms' scales and shifts, and two gates


class CompiledDiffusionTransformer(CompiledPairLogits, CPUDiffusionTransformer):
    """AF3 SI Alg. 23."""

    def forward(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not self.is_compiled(a, s, biases, mask):
            return super().forward(a, s, biases, mask)
        n = a.shape[-2]
        x, erased = panelled(a.reshape(-1, *a.shape[-2:])), (1 - mask.reshape(-1)) * ERASED
        given = s.reshape(-1, *s.shape[-2:])
        run = _Run(x, panelled(given), panelled(nn.functional.layer_norm(given, given.shape[-1:])), erased, n)
        blocks = cast(list[DiffusionTransformerBlock], list(self.blocks))
        several = max(1, self.piece_bytes // (CONDITIONED * run.given.nbytes))
        with team():
            for start in range(0, len(blocks), several):
                some = blocks[start : start + several]
                by = iter(run.conditions(some))
                for block, bias in zip(some, biases[start:], strict=False):
                    run.attend(block.attention, next(by), bias)
                    run.widen(block.transition, next(by))
        return from_panels(x, n).view(a.shape)

    def is_compiled(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, the same logits and mask for all samples."""
        samples, conditioned = (x[..., 0, 0].numel() for x in (a, s))
        is_plain = all(bias.dim() == 3 for bias in biases) and mask.numel() == a.shape[-2]
        return fits(a, a.shape[-1]) and s.dtype == a.dtype and is_plain and conditioned in (1, samples)

    def prepare(self, z: Tensor) -> tuple[Tensor, ...]:
        """What the pairs add to the logits of each block, the queries side by side."""
        if torch.is_grad_enabled() or z.dim() > 3:
            return super().prepare(z)
        return tuple(bias.transpose(-1, -2) for bias in super().prepare(z.transpose(0, 1)))


class _Run:
    """One pass through the blocks.

    x         the tokens of all samples, changed by every layer
    given     what conditions them; `normal`, the same normalised; their panels serve every sample if they are fewer
    erased    what is added to the logits of each key
    """

    def __init__(self, x: Tensor, given: Tensor, normal: Tensor, erased: Tensor, n: int):
        self.x, self.given, self.normal, self.n = x, given, normal, n
        self.erased = nn.functional.pad(erased, (0, ROWS), value=-math.inf)  # tiles reach beyond the last key
        self.samples, self.per_sample, self.channels = x.shape[:3]
        self.inside = torch.empty_like(x)  # what enters a layer, and what its heads gathered
        self.gathered = torch.empty_like(x)
        self.run = _compiled().function

    def conditions(self, blocks: list[DiffusionTransformerBlock]) -> Tensor:
        """Scale, shift and gate of each block's attention, and of its transition, [layers 3 panels c COLUMNS]."""
        layers: list[ConditionedAttention | ConditionedTransition] = []
        for block in blocks:
            layers += [block.attention, block.transition]
        panels, depth = self.given.shape[0] * self.given.shape[1], self.given.shape[2]
        out = self.x.new_empty(len(layers), 3, panels, self.channels, COLUMNS)

        def condition(task: tuple[int, int]) -> None:
            number, part = task
            layer = layers[number]
            norm: AdaptiveLayerNorm = layer.norm
            linear = (norm.scale, norm.shift, layer.output_gate.gate)[part]
            right = self.given if part == 2 else self.normal * norm.norm.weight[:, None]
            bias = bias_of(linear)
            tensors = addresses(right, linear.weight, bias, out[number, part])
            self.run("mapped" if part == 1 else "opened")(*tensors, 0, self.channels, self.channels, depth, panels)

        spread(condition, [(number, part) for number in range(len(layers)) for part in range(3)])
        return out

    def attend(self, layer: ConditionedAttention, by: Tensor, bias: Tensor) -> None:
        """AF3 SI Alg. 24, with logits' bias [h n n]."""
        self._modulate(layer.norm, by)
        bias = _by_keys(bias)
        core, n = layer.core, self.n
        assert core.gate is not None
        width = self.channels // core.heads
        maps = (core.query, core.key, core.value, core.gate)
        query_bias = bias_of(core.query)
        factor = self.x.new_tensor([math.log2(math.e), width**-0.5])
        tensors = self.inside, *(each.weight for each in maps), query_bias, factor, bias, self.erased, self.gathered

        def gather(heads: slice) -> None:
            room = self.x.new_zeros(4 * (width + ROWS) * self.per_sample * COLUMNS + COLUMNS * (n + ROWS))
            sizes = self.samples, self.per_sample, n, self.channels, width, bias.stride(0), bias.stride(1)
            self.run("gather")(*addresses(*tensors, room), heads.start, heads.stop, *sizes)

        spread(gather, ranges(core.heads, *maps, per_thread=PIECES))
        self._close(core.out, self.gathered, by)

    def widen(self, layer: ConditionedTransition, by: Tensor) -> None:
        """AF3 SI Alg. 25."""
        self._modulate(layer.norm, by)
        width = layer.gate.out_features
        wide = self.x.new_empty(self.samples * self.per_sample, width, COLUMNS)

        def widen(some: slice) -> None:
            tensors = addresses(self.inside, layer.gate.weight, layer.expand.weight, wide)
            self.run("widened")(*tensors, some.start, some.stop, width, self.channels, len(wide))

        spread(widen, ranges(width, layer.gate, layer.expand, per_thread=PIECES))
        self._close(layer.contract, wide, by)

    def _modulate(self, norm: AdaptiveLayerNorm, by: Tensor) -> None:
        scale, shift, _ = by
        epsilon = self.x.new_tensor([norm.norm.eps])
        tensors = addresses(self.x, scale, shift, epsilon, self.inside)
        self.run("modulated")(*tensors, self.samples * self.per_sample, len(scale), self.channels)

    def _close(self, linear: nn.Linear, x: Tensor, by: Tensor) -> None:
        gate = by[2]

        def close(some: slice) -> None:
            tensors = addresses(x, linear.weight, gate, self.x)
            sizes = self.channels, linear.in_features, self.samples * self.per_sample, len(gate)
            self.run("closed")(*tensors, some.start, some.stop, *sizes)

        spread(close, ranges(self.channels, linear, per_thread=PIECES))


def panelled(x: Tensor) -> Tensor:
    """x [samples n c] as panels [samples panels c COLUMNS] of its positions, with zeros for those behind the last."""
    full = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % COLUMNS))
    return full.unflatten(1, (-1, COLUMNS)).transpose(2, 3).contiguous()


def from_panels(x: Tensor, n: int) -> Tensor:
    """The reverse."""
    return x.transpose(2, 3).flatten(1, 2)[:, :n].contiguous()


def _by_keys(bias: Tensor) -> Tensor:
    """Logits [h n n] as [h keys queries], queries side by side in whole panels, as `prepare` leaves them."""
    turned = bias.transpose(-1, -2)
    n = bias.shape[-1]
    if turned.stride(-1) == 1 and turned.stride(-2) >= ceil_to(n, COLUMNS):
        return turned
    return nn.functional.pad(turned, (0, -n % COLUMNS)).contiguous()


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_modulated(module)
    _write_map(module, "mapped", lambda value, bias: value)
    _write_map(module, "opened", lambda value, bias: sigmoid(value + bias))
    _write_gather(module)
    _write_widened(module)
    _write_closed(module)
    return Compiled(module)


def _write_modulated(module: ir.Module) -> None:
    """Normalised positions, scaled and shifted."""
    write = Writer(module, "modulated", 8)
    x, scale, shift, epsilon, out, panels, period, channels = write.arguments
    size = channels * COLUMNS
    with write.loop(panels) as panel:
        by = (panel - panel // period * period) * size

        def put(channel: Number, at: int, value: Number, panel: Number = panel, by: Number = by) -> None:
            place = channel * COLUMNS + at
            modulated = value.times_plus(*(y.floats(by + place).load(LANES) for y in (scale, shift)))
            out.floats(panel * size + place).store(modulated)

        standardise(write, x.floats(panel * size), COLUMNS, channels, epsilon.floats().load(), COLUMNS, put)
    write.end()


@dataclass(frozen=True)
class _Rows:
    """Rows of weights from `begin` to `end` of all, and `depth` of the numbers of each from `first` on.

    size  how many of each weight share a tile
    """

    write: Writer
    begin: Number
    end: Number
    total: Number
    length: Number
    depth: Number
    first: Some = 0
    size: int = ROWS

    def of(self, weight: Number, row: Number) -> list[Floats]:
        """Where the rows of a tile begin; near the last of all some before this one are among them."""
        start = row.at_most(self.total - self.size)
        return apart(weight.floats(start * self.length + self.first), self.length)[: self.size]

    def there(self, tile: Tile, row: Number) -> Iterator[tuple[Number, list[Number]]]:
        """Number and vectors of the rows of a tile from this one on, before the end."""
        start = row.at_most(self.total - self.size)
        for r, halves in enumerate(tile):
            number = start + r
            with self.write.when(row <= number), self.write.when(number < self.end):
                yield number, halves

    @contextmanager
    def tiles(self, panels: Number, *weights: Number) -> Iterator[tuple[Number, Number]]:
        """First row and panel of each: as many panels as the cache holds meet all rows before the next ones do.

        Meanwhile the rows below are asked for, which memory has to send in time.
        """
        write, step = self.write, self.size
        many = (write.word(CACHED) // (self.depth * COLUMNS * 4)).at_least(1).at_most(panels)
        share = self.depth // (many * LINE) + 1
        with write.loop(panels, step=many) as first:
            last = (first + many).at_most(panels)
            with write.loop(self.end, self.begin, step) as row, write.loop(last, first) as panel:
                with write.loop(share) as line:
                    ahead = ((panel - first) * share + line) * LINE + self.first
                    for weight in weights:
                        for r in range(step):
                            weight.floats((row + step + r) * self.length + ahead).prefetch()
                yield row, panel


def _write_map(module: ir.Module, name: str, bend: Callable[[Number, Number], Number]) -> None:
    """Some output channels of a map."""
    write = Writer(module, name, 9)
    x, weight, bias, out, begin, end, total, depth, panels = write.arguments
    rows = _Rows(write, begin, end, total, depth, depth)
    with rows.tiles(panels, weight) as (row, panel):
        tile = product(write, rows.of(weight, row), 1, x.floats(panel * depth * COLUMNS), depth)
        for number, halves in rows.there(tile, row):
            by = bias.floats(number).load().everywhere(LANES)
            for half, value in enumerate(halves):
                out.floats((panel * total + number) * COLUMNS + LANES * half).store(bend(value, by))
    write.end()


def _write_widened(module: ir.Module) -> None:
    """Some channels of the wide layer: one map gated by another through a swish."""
    write = Writer(module, "widened", 9)
    x, gate, value, out, begin, end, total, depth, panels = write.arguments
    rows = _Rows(write, begin, end, total, depth, depth, size=GATED)
    with rows.tiles(panels, gate, value) as (row, panel):
        both = [place for weight in (gate, value) for place in rows.of(weight, row)]
        tile = product(write, both, 1, x.floats(panel * depth * COLUMNS), depth)
        gated = [
            [gate * sigmoid(gate) * value for gate, value in zip(*two, strict=True)]
            for two in zip(tile[:GATED], tile[GATED:], strict=True)
        ]
        for number, halves in rows.there(gated, row):
            for half, vector in enumerate(halves):
                out.floats((panel * total + number) * COLUMNS + LANES * half).store(vector)
    write.end()


def _write_closed(module: ir.Module) -> None:
    """Some output channels of a map, added to `out` behind a gate."""
    write = Writer(module, "closed", 10)
    x, weight, gate, out, begin, end, total, depth, panels, period = write.arguments
    with write.loop(depth, step=DEPTH) as first:
        rows = _Rows(write, begin, end, total, depth, (depth - first).at_most(DEPTH), first)
        with rows.tiles(panels, weight) as (row, panel):
            right = x.floats((panel * depth + first) * COLUMNS)
            tile = product(write, rows.of(weight, row), 1, right, rows.depth)
            by = panel - panel // period * period
            for number, halves in rows.there(tile, row):
                for half, value in enumerate(halves):
                    at = number * COLUMNS + LANES * half
                    place = out.floats(panel * total * COLUMNS + at)
                    share = gate.floats(by * total * COLUMNS + at).load(LANES)
                    place.store(value.times_plus(share, place.load(LANES)))
    write.end()


def _write_gather(module: ir.Module) -> None:
    """What the tokens of every sample gather from each other, for some heads."""
    write = Writer(module, "gather", 20)
    x, *maps, query_bias, factor, bias, erased, out, room = write.arguments[:11]
    begin, end, samples, panels, n, channels, width, head_step, key_step = write.arguments[11:]
    across, size = panels * COLUMNS, width * panels * COLUMNS
    queries, keys, values, gates, weights = (room.floats(size * part) for part in range(5))
    to_bits, scale = (factor.floats(i).load().everywhere(LANES) for i in range(2))
    with write.loop(samples) as sample, write.loop(end, begin) as head:
        tokens, first = x.floats(sample * panels * channels * COLUMNS), head * width
        rows = _Rows(write, first, first + width, channels, channels, channels)
        places = (
            lambda panel, channel: queries[panel * width * COLUMNS + (channel - first) * COLUMNS],
            *(
                lambda panel, channel, part=part: part[(channel - first) * across + panel * COLUMNS]
                for part in (keys, values, gates)
            ),
        )
        bends = (
            lambda value, channel: (value + query_bias.floats(channel).load().everywhere(LANES)) * scale * to_bits,
            lambda value, channel: value,
            lambda value, channel: value,
            lambda value, channel: sigmoid(value),
        )
        for weight, place, bend in zip(maps, places, bends, strict=True):
            _project(write, rows, weight, tokens, panels, place, bend)
        with write.loop(panels) as panel:
            right, seen = queries[panel * width * COLUMNS], bias.floats(head * head_step + panel * COLUMNS)
            shares = _weigh(write, apart(keys, 1), across, right, width, (seen, key_step, erased), n, to_bits, weights)
            with write.loop(width, step=ROWS) as row:
                tile = product(write, apart(values[row * across], across), 1, weights, n)
                for r, halves in enumerate(tile):
                    with write.when(row + r < width):
                        gate, to = gates[(row + r) * across + panel * COLUMNS], (sample * panels + panel) * channels
                        for at, value, share in zip((0, LANES), halves, shares, strict=True):
                            place = out.floats((to + first + row + r) * COLUMNS + at)
                            place.store(value * share * gate[at].load(LANES))
    write.end()


def _project(
    write: Writer,
    rows: _Rows,
    weight: Number,
    tokens: Floats,
    panels: Number,
    place: Callable[[Number, Number], Floats],
    bend: Callable[[Number, Number], Number],
) -> None:
    """The map of all tokens of a sample to the channels of a head."""
    with write.loop(rows.end, rows.begin, ROWS) as row, write.loop(panels) as panel:
        tile = product(write, rows.of(weight, row), 1, tokens[panel * rows.depth * COLUMNS], rows.depth)
        for channel, halves in rows.there(tile, row):
            for at, value in zip((0, LANES), halves, strict=True):
                place(panel, channel)[at].store(bend(value, channel))


def _weigh(
    write: Writer,
    keys: list[Floats],
    across: Number,
    queries: Floats,
    width: Number,
    seen: tuple[Floats, Number, Number],
    n: Number,
    to_bits: Number,
    weights: Floats,
) -> list[Number]:
    """The weights of all keys for a panel of queries, the largest 1; and what makes those of each query add up to 1."""
    bias, step, erased = seen
    halves = range(0, COLUMNS, LANES)

    def weigh(key: Number, tops: list[Number]) -> list[Number]:
        onto = []
        for r in range(ROWS):
            hidden, row = erased.floats(key + r).load().everywhere(LANES), bias[(key + r).at_most(n - 1) * step]
            onto += [row[at].load(LANES).times_plus(to_bits, hidden) for at in halves]
        tile = product(write, [each[key] for each in keys], across, queries, width, onto)
        for r, vectors in enumerate(tile):
            for at, value in zip(halves, vectors, strict=True):
                weights[(key + r) * COLUMNS + at].store(value)
            tops = [top.at_least(value) for top, value in zip(tops, vectors, strict=True)]
        return tops

    lowest = write.constant(-math.inf, LANES)
    tops = write.fold(n, [lowest, lowest], weigh, step=ROWS)

    def add(key: Number, totals: list[Number]) -> list[Number]:
        places = [weights[key * COLUMNS + at] for at in halves]
        powers = [power_of_two(place.load(LANES) - top) for place, top in zip(places, tops, strict=True)]
        for place, power in zip(places, powers, strict=True):
            place.store(power)
        return [total + power for total, power in zip(totals, powers, strict=True)]

    return [1.0 / total for total in write.fold(n, [write.zeros(LANES)] * 2, add)]
