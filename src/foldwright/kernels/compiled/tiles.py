"""What compiled layers are made of: products of small tiles that stay in registers, and what happens to them there.

A tile has ROWS rows and two vectors of columns. Its right factor lies in panels, [panel depth COLUMNS], with zeros for
columns beyond the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from llvmlite import binding, ir
from torch import Tensor

from foldwright.llvm import Floats, Number, Some, Writer

LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8
ROWS, COLUMNS = 6, 2 * LANES  # twelve sums, two vectors of the right factor and one number of the left in 16 registers
GATED = ROWS // 2  # rows of a tile beside as many that gate them
BLOCK = ROWS * LANES  # positions that are handled together
TOGETHER = 4  # positions normalised side by side, for each sum waits for the one before

Tile = list[list[Number]]


def ceil_to(number: int, step: int) -> int:
    """The next multiple."""
    return -(-number // step) * step


def product(
    write: Writer, rows: Sequence[Floats], step: Some, right: Floats, depth: Some, onto: Sequence[Number] = ()
) -> Tile:
    """The product of ROWS rows, the numbers of each `step` apart, and a panel; added to a tile, row by row."""

    def turn(k: Number, sums: list[Number]) -> list[Number]:
        panel = [right[k * COLUMNS + LANES * half].load(LANES) for half in range(2)]
        numbers = [row[k * step].load().everywhere(LANES) for row in rows]
        return [
            number.times_plus(panel[half], sums[2 * row + half])
            for row, number in enumerate(numbers)
            for half in range(2)
        ]

    sums = write.fold(depth, onto or [write.zeros(LANES)] * (2 * ROWS), turn)
    return [sums[2 * row : 2 * row + 2] for row in range(ROWS)]


def apart(first: Floats, step: Some) -> list[Floats]:
    """Where ROWS rows begin."""
    return [first[first.address.like(step) * row] for row in range(ROWS)]


@contextmanager
def blocks(write: Writer, rows: Number, columns: Number) -> Iterator[tuple[Number, Number]]:
    """First row and column of every tile; BLOCK rows, which stay in the first cache, meet each panel."""
    with write.loop(rows, step=BLOCK) as first:
        count = (rows - first).at_most(BLOCK)
        with write.loop(columns, step=COLUMNS) as column, write.loop(count, step=ROWS) as row:
            yield first + row, column


def vectors(write: Writer, tile: Tile, rows: Number, columns: Number) -> Iterator[tuple[int, int, Number]]:
    """Row, first column and content of each vector of a tile, within so many rows and columns that there are."""
    for half in range(len(tile[0])):
        with write.when(columns.like(LANES * half) < columns):
            for row, halves in enumerate(tile):
                with write.when(rows.like(row) < rows):
                    yield row, LANES * half, halves[half]


def transpose(rows: Sequence[Number]) -> list[Number]:
    """The columns of a square of LANES vectors."""
    distance = 1
    rows = list(rows)
    while distance < LANES:
        low = [lane if not lane & distance else LANES + lane - distance for lane in range(LANES)]
        high = [lane + distance if not lane & distance else LANES + lane for lane in range(LANES)]
        for first in (row for row in range(LANES) if not row & distance):
            pair = rows[first], rows[first + distance]
            rows[first], rows[first + distance] = (pair[0].shuffled(pair[1], lanes) for lanes in (low, high))
        distance *= 2
    return rows


def power_of_two(x: Number) -> Number:
    """2 ** x for x below 126, to a unit in the last place or two; what is below -126 counts as -126."""
    x = x.at_least(-126.0)
    shifted = x + _TO_WHOLE
    rest = x - (shifted - _TO_WHOLE)  # from -1/2 to 1/2
    power = rest.like(_POWERS[-1])
    for coefficient in _POWERS[-2::-1]:
        power = power.times_plus(rest, coefficient)
    return (power.bits() + (shifted.bits() << 23)).bits()


_TO_WHOLE = 1.5 * 2.0**23  # a float that large has no room for fractions, so that adding it rounds to a whole number
_POWERS = [math.log(2) ** k / math.factorial(k) for k in range(7)]  # of 2 ** x about 0


def sigmoid(x: Number) -> Number:
    """1 / (1 + exp(-x))."""
    return 1.0 / (power_of_two((x * -math.log2(math.e)).at_most(125.0)) + 1.0)


def normalise(
    write: Writer, x: Floats, step: Number, count: Number, channels: Number, norm: Floats, out: Floats
) -> None:
    """Layer normalisation of `count` positions, `step` apart, side by side in `out`.

    norm: scale, offset, and the epsilon behind them.
    """
    to_mean = (write.constant(1.0) / real(channels)).everywhere(LANES)
    epsilon = norm[channels * 2].load().everywhere(LANES)
    zeros = [write.zeros(LANES)] * TOGETHER
    with write.loop(count, step=TOGETHER) as first:
        # Behind the last position it is done once more, which nobody reads.
        rows = [x[(first + i).at_most(count - 1) * step] for i in range(TOGETHER)]

        def add(channel: Number, totals: list[Number], rows: list[Floats] = rows) -> list[Number]:
            return [total + row[channel].load(LANES) for total, row in zip(totals, rows, strict=True)]

        totals = write.fold(channels, zeros, add, step=LANES)
        centred = [(row, total.total().everywhere(LANES) * to_mean) for row, total in zip(rows, totals, strict=True)]

        def add_square(channel: Number, totals: list[Number], centred: Any = centred) -> list[Number]:
            off = [row[channel].load(LANES) - mean for row, mean in centred]
            return [each.times_plus(each, total) for each, total in zip(off, totals, strict=True)]

        totals = write.fold(channels, zeros, add_square, step=LANES)
        scales = [1.0 / (total.total().everywhere(LANES) * to_mean + epsilon).root() for total in totals]
        with write.loop(channels, step=LANES) as channel:
            scale, offset = norm[channel].load(LANES), norm[channels + channel].load(LANES)
            for i, ((row, mean), by) in enumerate(zip(centred, scales, strict=True)):
                normal = ((row[channel].load(LANES) - mean) * by).times_plus(scale, offset)
                out[(first + i) * channels + channel].store(normal)


def standardise(
    write: Writer,
    x: Floats,
    step: Some,
    channels: Number,
    epsilon: Number,
    size: int,
    put: Callable[[Number, int, Number], None],
) -> None:
    """So many positions side by side, their channels `step` apart, with mean 0 and variance 1 over the channels.

    Vectors are put by channel and place.
    """
    to_mean = (write.constant(1.0) / real(channels)).everywhere(LANES)
    many = range(0, size, LANES)
    zeros = [write.zeros(LANES) for _ in many]

    def add(channel: Number, totals: list[Number]) -> list[Number]:
        return [total + x[channel * step + at].load(LANES) for at, total in zip(many, totals, strict=True)]

    means = [total * to_mean for total in write.fold(channels, zeros, add)]

    def add_square(channel: Number, totals: list[Number]) -> list[Number]:
        off = [x[channel * step + at].load(LANES) - mean for at, mean in zip(many, means, strict=True)]
        return [each.times_plus(each, total) for each, total in zip(off, totals, strict=True)]

    squares = write.fold(channels, zeros, add_square)
    scales = [1.0 / (total * to_mean + epsilon.everywhere(LANES)).root() for total in squares]
    with write.loop(channels) as channel:
        for at, mean, scale in zip(many, means, scales, strict=True):
            put(channel, at, (x[channel * step + at].load(LANES) - mean) * scale)


def real(whole: Number) -> Number:
    """An integer as a float."""
    return Number(whole.build, whole.build.sitofp(whole.value, ir.FloatType()))


def into_panel(write: Writer, rows: Floats, step: Number, depth: Number, panel: Floats) -> None:
    """COLUMNS rows of numbers, `step` apart, as the columns of a panel; the depth is one of whole vectors."""
    for half in range(2):
        into_half(write, rows[step * (LANES * half)], step, depth, panel[LANES * half])


def into_half(write: Writer, rows: Floats, step: Number, depth: Number, half: Floats) -> None:
    """LANES rows as the columns of one half of a panel."""
    with write.loop(depth, step=LANES) as k:
        square = [rows[step * row + k].load(LANES) for row in range(LANES)]
        for row, vector in enumerate(transpose(square)):
            half[(k + row) * COLUMNS].store(vector)


def padded(vector: Tensor | None, length: int, like: Tensor) -> Tensor:
    """A bias with zeros behind it; of zeros alone where there is none."""
    if vector is None:
        return like.new_zeros(length)
    return torch.nn.functional.pad(vector, (0, length - len(vector))).contiguous()


def norm_numbers(norm: torch.nn.LayerNorm) -> Tensor:
    """Scale, offset and epsilon of a normalisation, as `normalise` reads them."""
    like = norm.weight
    offset = torch.zeros_like(like) if norm.bias is None else norm.bias
    return torch.cat([like, offset, like.new_full((1,), norm.eps)])


def bias_of(linear: torch.nn.Linear) -> Tensor:
    """The bias of a map, zeros where it has none."""
    return linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias


def addresses(*tensors: Tensor) -> list[int]:
    """Where tensors lie, for compiled functions.

    Raises:
        ValueError: one is not in single precision, or does not lie in one piece: the function would read other numbers.
    """
    return [address(tensor) for tensor in tensors]


def address(tensor: Tensor) -> int:
    """Where one lies, likewise."""
    if not tensor.is_contiguous():
        raise ValueError("a compiled layer reads tensors that lie in one piece")
    return start_of(tensor)


def start_of(tensor: Tensor) -> int:
    """Where a tensor begins whose strides the function is told."""
    if tensor.dtype != torch.float32:
        raise ValueError(f"a compiled layer reads float32, not {tensor.dtype}")
    return tensor.data_ptr()


def fits(x: Tensor, *channels: int) -> bool:
    """Whether compiled layers can read x: single precision, channels side by side in whole vectors."""
    return x.dtype == torch.float32 and x.stride(-1) == 1 and not any(size % LANES for size in channels)
