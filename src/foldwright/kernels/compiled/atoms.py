"""AF3's attention among atoms, compiled: all blocks as one list of jobs, each window within the cache.

A window's atoms stand side by side, [c QUERIES], and so does what conditions them; weights are read where they lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.features.af3.batch import AtomLayout, Gather
from foldwright.kernels.compiled.jobs import Jobs, Piece
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    GATED,
    LANES,
    ROWS,
    Tile,
    apart,
    bias_of,
    power_of_two,
    product,
    sigmoid,
    standardise,
    transpose,
)
from foldwright.kernels.fast import Fast
from foldwright.kernels.spread import team
from foldwright.llvm import Compiled, Floats, Number, Some, Words
from foldwright.models.af3.atom_transformer import (
    AtomTransformer,
    AtomTransformerBlock,
    AtomWindows,
    PaperAtomTransformer,
    PreparedBlock,
)

QUERIES = 32  # of a window
PANELS = QUERIES // COLUMNS
HALVES = range(0, COLUMNS, LANES)
COMMON = 9  # arguments of every job
TO_BITS, SCALE, OF_KEYS, OF_QUERIES, OF_TRANSITION = range(5)  # numbers that all jobs of a block share
LAYERS = 12  # as large as the atoms that a block reads or makes


class CompiledAtomTransformer(Fast, AtomTransformer):
    """AF3 SI Alg. 7."""

    is_inference_only = True

    def prepare(self, windows: AtomWindows) -> tuple[PreparedBlock, ...]:
        """What the blocks need, the queries of a window side by side in memory."""
        given = list(super().prepare(windows))
        if torch.is_grad_enabled() or self.product_dtype is not None:
            return tuple(given)
        return tuple(_each(lambda x: x.mT.contiguous().mT, given.pop(0)) for _ in self.blocks)

    def forward(self, q: Tensor, given: tuple[PreparedBlock, ...], layout: AtomLayout) -> Tensor:
        if torch.is_grad_enabled() or not self.is_compiled(q, given, layout):
            return super().forward(q, given, layout)
        with team():
            passing = _Pass(q, layout.keys)
            for block, of_block in zip(cast(list[AtomTransformerBlock], list(self.blocks)), given, strict=True):
                passing.add(block, of_block)
            return passing.end().view(q.shape)

    def is_compiled(self, q: Tensor, given: tuple[PreparedBlock, ...], layout: AtomLayout) -> bool:
        """Whether it runs as compiled: in single precision, samples of one complex, enough channels for a tile."""
        places, (num_windows, num_queries, channels) = layout.keys.indices, q.shape[-3:]
        is_plain = self.product_dtype is None and q.dim() in (3, 4) and places.shape[:-1] == (num_windows,)
        is_whole = (
            num_queries == QUERIES and min(channels // self.heads, places.shape[-1]) >= ROWS and channels % LANES == 0
        )
        leading = (torch.Size(), torch.Size([1]), q.shape[:-3]) if q.dim() == 4 else (torch.Size(),)
        tensors = [x for of_block in given for x in _tensors(of_block)]
        is_single = all(x.dtype == torch.float32 for x in (q, *(x for x, _ in tensors)))
        return is_plain and is_whole and is_single and all(x.shape[:-axes] in leading for x, axes in tensors)


class CompiledPaperAtomTransformer(CompiledAtomTransformer, PaperAtomTransformer):
    """The form that looks at atoms that are there alone."""


def _each(function: Callable[[Tensor], Tensor], group: Any) -> Any:
    """A group of tensors and groups, with each tensor replaced."""
    return type(group)(*(function(x) if isinstance(x, Tensor) else _each(function, x) for x in group))


def _tensors(given: PreparedBlock) -> Iterator[tuple[Tensor, int]]:
    """What a block needs, and how many axes each has behind those of samples."""
    attention, transition = given.attention, given.transition
    for x in (*attention.key, *attention.query, attention.gate, *transition.norm, transition.gate):
        yield x, 3
    yield given.bias, 4


class _Pass:
    """One pass through the blocks, as a list of jobs.

    x       the atoms of all samples, [samples s c QUERIES], changed by every block
    keys    of all heads, as panels [samples panels rows COLUMNS] of atoms, the last one zeros; so are `values`. There
            are more rows than channels: those of one head would meet in the same places of the first cache
    places  where the keys of each window begin, in bytes
    """

    def __init__(self, q: Tensor, keys: Gather):
        self.jobs = Jobs()
        self.given = q.reshape(-1, *q.shape[-3:]).contiguous()
        self.samples, self.windows, _, self.channels = self.given.shape
        self.x = self.given.new_empty(self.samples, self.windows, self.channels, QUERIES)
        num_atoms, rows = self.windows * QUERIES, self.channels + 2 * COLUMNS
        self.keys, self.values = found = self.x.new_empty(2, self.samples, num_atoms // COLUMNS + 1, rows, COLUMNS)
        found[:, :, -1] = 0
        self.places = _places(keys, num_atoms, rows)
        self.jobs.keep(self.places)
        self.sizes = self.samples, self.windows, self.channels, rows
        self._job("turned", 0, self.given, self.x, QUERIES, self.channels)

    def add(self, block: AtomTransformerBlock, given: PreparedBlock) -> None:
        """AF3 SI Alg. 23, one iteration."""
        is_own, (*of_keys, scale, shift, gate, by, onto, passing, bias) = self._side_by_side(given)
        attention, transition = block.attention, block.transition
        core, wide, num_keys = attention.core, transition.gate.out_features, self.places.shape[-1]
        assert core.gate is not None
        norms = (layer.norm.eps for layer in (attention.key_norm, attention.query_norm, transition.norm))
        numbers = self.x.new_tensor([math.log2(math.e), (self.channels // core.heads) ** -0.5, *norms])
        common = *self.sizes, is_own, self.x, numbers, self.keys, self.values
        self._job("projected", self.channels, *common, *of_keys, core.key.weight, core.value.weight)
        weights = core.query.weight, bias_of(core.query), core.gate.weight, core.out.weight
        weights = *weights, transition.gate.weight, transition.expand.weight, transition.contract.weight
        seen = self.places.data_ptr(), bias, core.heads, num_keys, wide
        room = 4 * self.channels + num_keys + wide
        self._job("attended", room, *common, scale, shift, gate, by, onto, passing, *weights, *seen)

    def end(self) -> Tensor:
        """The atoms after all blocks."""
        out = torch.empty_like(self.given)
        self._job("turned", 0, self.x, out, self.channels, QUERIES)
        self.jobs.run()
        return out

    def _side_by_side(self, given: PreparedBlock) -> tuple[int, list[Tensor]]:
        """Whether samples have conditions of their own, and all that a block needs with queries side by side."""
        tensors = list(_tensors(given))
        is_own = any(x.shape[:-axes].numel() > 1 for x, axes in tensors)
        leading = self.given.shape[:1] if is_own else torch.Size()
        found = []
        for x, axes in tensors:
            shape = leading + self.given.shape[1:] if axes == 3 else (*leading, self.windows, *x.shape[-3:])
            if x.shape != shape:
                x = (x if is_own else x.reshape(x.shape[-axes:])).expand(shape)
            found.append(x.mT.contiguous())
        return int(is_own), found

    def _job(self, name: str, room: int, *arguments: Tensor | int) -> None:
        """For every window, with room for so many floats of each query."""
        total, much = self.samples * self.windows, LAYERS * self.x.nbytes
        self.jobs.add(_compiled(), name, *arguments, total=total, num_bytes=much, room=room * QUERIES)


def _places(keys: Gather, num_atoms: int, rows: int) -> Tensor:
    """Where keys stand in panels of so many rows, in bytes; those that are masked stand behind the last atom."""
    # As released: indices below zero count from the end, and those past the end are the last.
    atoms = torch.where(keys.indices < 0, keys.indices + num_atoms, keys.indices).clamp(0, num_atoms - 1)
    atoms = atoms.masked_fill(~keys.mask, num_atoms)
    return ((atoms // COLUMNS * rows * COLUMNS + atoms % COLUMNS) * 4).contiguous()


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_turned(module)
    _write_projected(module)
    _write_attended(module)
    return Compiled(module)


class _Window(Piece):
    """Writes the function of a job for windows: what all such jobs are told, and products of a window's atoms.

    depth   of a room of panels, PANELS of them, is the number of its channels
    """

    def __init__(self, module: ir.Module, name: str, num_arguments: int):
        super().__init__(module, name, COMMON + num_arguments)
        self.samples, self.windows, self.channels, self.rows, self.is_own = self.arguments[:5]
        self.x, self.numbers, self.keys, self.values = self.arguments[5:COMMON]
        self.arguments = self.arguments[COMMON:]

    @contextmanager
    def each(self) -> Iterator[tuple[Number, Number, Number]]:
        """Sample, window and which of all conditions it has; samples in turn, for they may share them."""
        with self.loop(self.stop, self.begin) as one:
            window = one // self.samples
            sample = one - window * self.samples
            yield sample, window, sample * self.is_own * self.windows + window

    def atoms_of(self, x: Number, window: Number) -> Floats:
        """What belongs to the atoms of a window."""
        return x.floats(window * self.channels * QUERIES)

    def modulate(self, x: Floats, epsilon: int, scale: Floats, shift: Floats, out: Floats) -> None:
        """AF3 SI Alg. 26 from what the conditioning decides; the atoms become panels."""
        for panel in range(PANELS):

            def write_one(channel: Number, at: int, value: Number, panel: int = panel) -> None:
                place = channel * QUERIES + (panel * COLUMNS + at)
                modulated = value.times_plus(scale[place].load(LANES), shift[place].load(LANES))
                _in_panel(out, self.channels, panel, channel)[at].store(modulated)

            start = x[panel * COLUMNS]
            standardise(self, start, QUERIES, self.channels, self.number(epsilon), COLUMNS, write_one)

    def map(
        self,
        weights: Sequence[Number],
        total: Number,
        depth: Number,
        right: Floats,
        bend: Callable[[Tile], Tile] = list,
    ) -> Iterator[tuple[Number, int, list[Number]]]:
        """Channel, panel and vectors of every output of maps, whose rows share a tile and are then bent to one."""
        size = ROWS // len(weights)
        with self.loop(total, step=size) as row:
            start = row.at_most(total - size)
            places = [place for weight in weights for place in apart(weight.floats(start * depth), depth)[:size]]
            for panel in range(PANELS):
                tile = bend(product(self, places, 1, _in_panel(right, depth, panel), depth))
                for r, halves in enumerate(tile):
                    with self.when(row <= start + r):
                        yield start + r, panel, halves

    def add(self, weight: Number, depth: Number, right: Floats, share: Floats, x: Floats) -> None:
        """A map of panels, added to the atoms of a window behind a gate."""
        for channel, panel, halves in self.map([weight], self.channels, depth, right):
            for half, value in enumerate(halves):
                at = channel * QUERIES + (panel * COLUMNS + LANES * half)
                x[at].store(value.times_plus(share[at].load(LANES), x[at].load(LANES)))

    def number(self, i: int) -> Number:
        """One of the numbers that all share."""
        return self.numbers.floats(i).load()


def _in_panel(room: Floats, depth: Number, panel: int, channel: Some = 0) -> Floats:
    """Where a channel of one of a window's panels begins."""
    return room[(depth * panel + channel) * COLUMNS]


def _put(place: Floats, halves: Sequence[Number]) -> None:
    """A row of a panel."""
    for at, value in zip(HALVES, halves, strict=True):
        place[at].store(value)


def _write_turned(module: ir.Module) -> None:
    """Windows with rows and columns exchanged."""
    write = Piece(module, "turned", 4)
    x, out, rows, columns = write.arguments
    with write.loop(write.stop, write.begin) as one:
        begin, end = (y.floats(one * rows * columns) for y in (x, out))
        with write.loop(rows, step=LANES) as row, write.loop(columns, step=LANES) as column:
            square = [begin[(row + r) * columns + column].load(LANES) for r in range(LANES)]
            for c, turned in enumerate(transpose(square)):
                end[(column + c) * rows + row].store(turned)
    write.end()


def _write_projected(module: ir.Module) -> None:
    """Keys and values of windows of atoms."""
    write = _Window(module, "projected", 4)
    scale, shift, *weights = write.arguments
    inside, channels = write.room.floats(), write.channels
    with write.each() as (sample, window, own):
        x = write.atoms_of(write.x, sample * write.windows + window)
        write.modulate(x, OF_KEYS, write.atoms_of(scale, own), write.atoms_of(shift, own), inside)
        first = (sample * (write.windows * PANELS + 1) + window * PANELS) * write.rows
        for weight, out in zip(weights, (write.keys, write.values), strict=True):
            for channel, panel, halves in write.map([weight], channels, channels, inside):
                _put(out.floats((first + write.rows * panel + channel) * COLUMNS), halves)
    write.end()


def _write_attended(module: ir.Module) -> None:
    """Windows with what their atoms gather, and after their transition (AF3 SI Alg. 24 and 25)."""
    write = _Window(module, "attended", 18)
    *conditions, query, query_bias, opening, out, opened, expand, contract = write.arguments[:13]
    places, bias, heads, num_keys, wide = write.arguments[13:]
    channels, width, size = write.channels, write.channels // heads, write.channels * QUERIES
    inside, queries, gates, gathered, weights = (write.room.floats(size * i) for i in range(5))
    widened = weights[num_keys * COLUMNS]
    with write.each() as (sample, window, own):
        x = write.atoms_of(write.x, sample * write.windows + window)
        scale, shift, gate, by, onto, passing = (write.atoms_of(each, own) for each in conditions)
        write.modulate(x, OF_QUERIES, scale, shift, inside)
        factor = (write.number(TO_BITS) * write.number(SCALE)).everywhere(LANES)
        for channel, panel, halves in write.map([query], channels, channels, inside):
            offset = query_bias.floats(channel).load().everywhere(LANES)
            _put(_in_panel(queries, channels, panel, channel), [(half + offset) * factor for half in halves])
        for channel, panel, halves in write.map([opening], channels, channels, inside):
            _put(_in_panel(gates, channels, panel, channel), [sigmoid(half) for half in halves])
        around = places.words(window * num_keys)
        with write.loop(heads) as head:
            first = (sample * (write.windows * PANELS + 1) * write.rows + head * width) * COLUMNS
            keys, values = (each.floats(first) for each in (write.keys, write.values))
            for panel in range(PANELS):
                right, free, found = (
                    _in_panel(room, channels, panel, head * width) for room in (queries, gates, gathered)
                )
                seen = bias.floats((own * heads + head) * num_keys * QUERIES + panel * COLUMNS)
                shares = _weigh(write, keys, around, right, width, seen, num_keys, weights)
                _gather(write, values, around, weights, num_keys, width, shares, free, found)
        write.add(out, channels, gathered, gate, x)
        write.modulate(x, OF_TRANSITION, by, onto, inside)
        for channel, panel, halves in write.map([opened, expand], wide, channels, inside, _gated):
            _put(_in_panel(widened, wide, panel, channel), halves)
        write.add(contract, wide, widened, passing, x)
    write.end()


def _gated(tile: Tile) -> Tile:
    """The second half of the rows, gated by the first through a swish."""
    pairs = zip(tile[:GATED], tile[GATED:], strict=True)
    return [[gate * sigmoid(gate) * value for gate, value in zip(*rows, strict=True)] for rows in pairs]


def _weigh(
    write: _Window,
    keys: Floats,
    places: Words,
    queries: Floats,
    width: Number,
    bias: Floats,
    num_keys: Number,
    weights: Floats,
) -> list[Number]:
    """The weights of all keys for a panel of queries, the largest 1; and what makes those of each query add up to 1."""
    to_bits = write.number(TO_BITS).everywhere(LANES)

    def weigh(key: Number, tops: list[Number]) -> list[Number]:
        first = key.at_most(num_keys - ROWS)
        rows = [_behind(keys, places[first + r]) for r in range(ROWS)]
        onto = [bias[(first + r) * QUERIES + at].load(LANES) * to_bits for r in range(ROWS) for at in HALVES]
        tile = product(write, rows, COLUMNS, queries, width, onto)
        for r, halves in enumerate(tile):
            _put(weights[(first + r) * COLUMNS], halves)
            tops = [top.at_least(value) for top, value in zip(tops, halves, strict=True)]
        return tops

    tops = write.fold(num_keys, [write.constant(-math.inf, LANES)] * 2, weigh, step=ROWS)

    def add(key: Number, totals: list[Number]) -> list[Number]:
        place = weights[key * COLUMNS]
        powers = [power_of_two(place[at].load(LANES) - top) for at, top in zip(HALVES, tops, strict=True)]
        _put(place, powers)
        return [total + power for total, power in zip(totals, powers, strict=True)]

    return [1.0 / total for total in write.fold(num_keys, [write.zeros(LANES)] * 2, add)]


def _gather(
    write: _Window,
    values: Floats,
    places: Words,
    weights: Floats,
    num_keys: Number,
    width: Number,
    shares: Sequence[Number],
    gates: Floats,
    out: Floats,
) -> None:
    """Gated means of values for a panel of queries, by weights that are to be scaled by `shares`."""
    with write.loop(width, step=ROWS) as channel:
        first = channel.at_most(width - ROWS)
        columns = values[first * COLUMNS]

        def add(key: Number, sums: list[Number]) -> list[Number]:
            halves = [weights[key * COLUMNS + at].load(LANES) for at in HALVES]
            column = _behind(columns, places[key])
            numbers = [column[r * COLUMNS].load().everywhere(LANES) for r in range(ROWS)]
            pairs = zip([number for number in numbers for _ in halves], halves * ROWS, sums, strict=True)
            return [number.times_plus(half, total) for number, half, total in pairs]

        sums = write.fold(num_keys, [write.zeros(LANES)] * (2 * ROWS), add)
        for r in range(ROWS):
            place = (first + r) * COLUMNS
            found = zip(sums[2 * r : 2 * r + 2], shares, HALVES, strict=True)
            _put(out[place], [total * share * gates[place + at].load(LANES) for total, share, at in found])


def _behind(first: Floats, place: Words) -> Floats:
    """As many bytes further as stand at a place."""
    return (first.address + place.load()).floats()
