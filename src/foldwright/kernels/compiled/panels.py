"""What AF3's denoiser does to positions in panels, [panel channels COLUMNS], with weights read where they lie.

The result of one product is the right factor of the next; a weight is the left one, so that nothing of it is packed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from llvmlite import ir

from foldwright.kernels.compiled.jobs import Piece
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    GATED,
    LANES,
    ROWS,
    Tile,
    apart,
    power_of_two,
    product,
    sigmoid,
    standardise,
)
from foldwright.llvm import Compiled, Floats, Number, Some, Writer

DEPTH = 768  # of a product at a time
CACHED = 400 << 10  # bytes of panels that stay in the second cache beside the weights
LINE = 16  # floats that memory sends together


@cache
def over_panels() -> Compiled:
    """The functions, by name."""
    module = ir.Module()
    _write_scaled(module)
    _write_modulated(module)
    _write_map(module, "mapped", lambda value, bias: value)
    _write_map(module, "opened", lambda value, bias: sigmoid(value + bias))
    _write_gather(module)
    _write_widened(module)
    _write_closed(module)
    return Compiled(module)


def _write_scaled(module: ir.Module) -> None:
    """Channels, each times a number of its own."""
    write = Piece(module, "scaled", 4)
    x, scale, out, channels = write.arguments
    with write.loop(write.stop, write.begin) as panel, write.loop(channels) as channel:
        by = scale.floats(channel).load().everywhere(LANES)
        for at in (0, LANES):
            place = (panel * channels + channel) * COLUMNS + at
            out.floats(place).store(x.floats(place).load(LANES) * by)
    write.end()


def _write_modulated(module: ir.Module) -> None:
    """Normalised positions, scaled and shifted."""
    write = Piece(module, "modulated", 7)
    x, scale, shift, epsilon, out, period, channels = write.arguments
    size = channels * COLUMNS
    with write.loop(write.stop, write.begin) as panel:
        by = (panel - panel // period * period) * size

        def put(channel: Number, at: int, value: Number, panel: Number = panel, by: Number = by) -> None:
            place = channel * COLUMNS + at
            modulated = value.times_plus(*(y.floats(by + place).load(LANES) for y in (scale, shift)))
            out.floats(panel * size + place).store(modulated)

        standardise(write, x.floats(panel * size), COLUMNS, channels, epsilon.floats().load(), COLUMNS, put)
    write.end()


@dataclass(frozen=True)
class _Rows:
    """Rows of weights from `begin` to `end` of `total`, and `depth` of the numbers of each from `first` on.

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
        """Number and vectors of the rows of a tile from this one on, before the end; nearly always all of them."""
        with self.write.when(row + self.size <= self.end):
            yield from ((row + r, halves) for r, halves in enumerate(tile))
        with self.write.when(self.end < row + self.size):
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
    write = Piece(module, name, 7)
    x, weight, bias, out, total, depth, panels = write.arguments
    rows = _Rows(write, write.begin, write.stop, total, depth, depth)
    with rows.tiles(panels, weight) as (row, panel):
        tile = product(write, rows.of(weight, row), 1, x.floats(panel * depth * COLUMNS), depth)
        for number, halves in rows.there(tile, row):
            by = bias.floats(number).load().everywhere(LANES)
            for half, value in enumerate(halves):
                out.floats((panel * total + number) * COLUMNS + LANES * half).store(bend(value, by))
    write.end()


def _write_widened(module: ir.Module) -> None:
    """Some channels of the wide layer: one map gated by another through a swish."""
    write = Piece(module, "widened", 7)
    x, gate, value, out, total, depth, panels = write.arguments
    rows = _Rows(write, write.begin, write.stop, total, depth, depth, size=GATED)
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
    write = Piece(module, "closed", 8)
    x, weight, gate, out, total, depth, panels, period = write.arguments
    with write.loop(depth, step=DEPTH) as first:
        rows = _Rows(write, write.begin, write.stop, total, depth, (depth - first).at_most(DEPTH), first)
        with rows.tiles(panels, weight) as (row, panel):
            shares = gate.floats((panel - panel // period * period) * total * COLUMNS)
            places = out.floats(panel * total * COLUMNS)
            for r in range(ROWS):
                for each in (shares, places):
                    each[(row + r) * COLUMNS].prefetch()
            right = x.floats((panel * depth + first) * COLUMNS)
            tile = product(write, rows.of(weight, row), 1, right, rows.depth)
            for number, halves in rows.there(tile, row):
                for half, value in enumerate(halves):
                    at = number * COLUMNS + LANES * half
                    share, place = shares[at].load(LANES), places[at]
                    place.store(value.times_plus(share, place.load(LANES)))
    write.end()


def _write_gather(module: ir.Module) -> None:
    """What the tokens gather from each other: some heads of some samples, all samples of a head in turn."""
    write = Piece(module, "gather", 17)
    bias, x, *maps, query_bias, factor, erased, out = write.arguments[:10]
    samples, panels, n, channels, width, head_step, key_step = write.arguments[10:]
    across, size = panels * COLUMNS, width * panels * COLUMNS
    queries, keys, values, gates, weights = (write.room.floats(size * part) for part in range(5))
    to_bits, scale = (factor.floats(i).load().everywhere(LANES) for i in range(2))
    with write.loop(write.stop, write.begin) as one:
        head = one // samples
        sample = one - head * samples
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
