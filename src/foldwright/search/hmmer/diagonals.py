"""The best ungapped local score of a profile in many sequences: the recurrence of HMMER's first filter, compiled here.

HMMER keeps 16 columns in a register, whatever the processor has; LLVM's vectors of 32 fill what is there. As in HMMER
(Farrar 2007, Bioinformatics 23, 156) columns that follow each other lie in the same lane of vectors that follow each
other, so that a diagonal stays in its lane and every vector is read where a line of the cache has it. Eight residues
are followed down their diagonals before a state is written back. Needs llvmlite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random

import numpy as np
from jaxtyping import Int8, Int64, UInt8
from llvmlite import ir

from foldwright.llvm import BYTE, Bytes, Compiled, Number, Writer
from foldwright.search.hmmer.packed import STOP, STOPS

RESIDUES = STOPS  # followed at a time
LANES = 32  # of a vector
FLOOR, WORST = -128, 127
_HIGHEST = 127
_TO_FLOOR = 2  # columns of the worst cost that bring any sum down to where it does not count

_LINE = 64  # bytes of the cache's lines


@dataclass(frozen=True, eq=False)
class CostTable:
    """The costs of several profiles side by side. Around each, and for codes of no residue, they end every diagonal.

    costs    column l * v + i is lane l of vector i, of v; RESIDUES more vectors hold where a lane goes on in the next
    lanes    for each profile the highest byte in the lanes that are its own, the lowest in others
    """

    costs: Int8[np.ndarray, "32 vectors lanes"]
    lanes: Int8[np.ndarray, "profiles lanes"]

    @classmethod
    def of(cls, profiles: Sequence[Int8[np.ndarray, "codes _"]]) -> CostTable:
        """The table of at most LANES profiles, given as cost of each code in each column."""
        vectors, first = _fitting([profile.shape[1] + RESIDUES - 1 + _TO_FLOOR for profile in profiles])
        in_order = np.full((STOP + 1, vectors * LANES + RESIDUES), WORST, np.int8)
        lanes = np.full((len(profiles), LANES), FLOOR, np.int8)
        for profile, own, begin, end in zip(profiles, lanes, first, first[1:], strict=False):
            codes, columns = profile.shape
            in_order[:codes, begin * vectors + RESIDUES - 1 :][:, :columns] = profile
            own[begin:end] = _HIGHEST
        costs = _aligned(STOP + 1, vectors + RESIDUES)
        costs[...] = in_order[:, np.arange(vectors + RESIDUES)[:, None] + vectors * np.arange(LANES)]
        return cls(costs, lanes)


def _fitting(columns: Sequence[int]) -> tuple[int, list[int]]:
    """The fewest vectors whose lanes have room for profiles of so many columns, and the lanes where each begins."""
    vectors = max(RESIDUES, -(-sum(columns) // LANES))
    while sum(lanes := [-(-each // vectors) for each in columns]) > LANES:
        vectors += 1
    return vectors, [0, *accumulate(lanes)]


def _aligned(number: int, vectors: int) -> Int8[np.ndarray, "number vectors lanes"]:
    """Room that begins where a line of the cache does: vectors that lie across two take twice as long to read."""
    size = number * vectors * LANES
    room = np.empty(size + _LINE, np.int8)
    begin = -room.ctypes.data % _LINE
    return room[begin : begin + size].reshape(number, vectors, LANES)


def best_scores(
    codes: UInt8[np.ndarray, " letters"],
    starts: Int64[np.ndarray, " sequences"],
    lengths: Int64[np.ndarray, " sequences"],
    table: CostTable,
) -> UInt8[np.ndarray, "profiles sequences"]:
    """The highest sum of -cost along any piece of any diagonal, 0 to 255; sums above 255 count as 255.

    Sequences lie in `codes` with at least RESIDUES codes STOP behind each. Other Python threads go on meanwhile.
    """
    vectors, profiles = table.costs.shape[1] - RESIDUES, len(table.lanes)
    best = np.empty((profiles, len(starts)), np.uint8)
    states = _aligned(2, vectors + RESIDUES)
    arrays = (codes, starts, lengths, table.costs, table.lanes, states, best)
    if not all(array.flags.c_contiguous for array in arrays):
        raise ValueError("the loop reads contiguous arrays only")
    loop = _compiled().function("best_scores")
    loop(*(array.ctypes.data for array in arrays), len(starts), vectors * LANES, profiles)
    return best


def by_definition(costs: Int8[np.ndarray, "codes columns"], sequence: UInt8[np.ndarray, " residues"]) -> int:
    """What `best_scores` gives for one profile and one sequence, a residue at a time."""
    row = np.zeros(costs.shape[1] + 1, np.int64)
    best = 0
    for code in sequence:
        row[1:] = (row[:-1] - costs[code]).clip(0, 255)
        best = max(best, int(row.max()))
    return best


def agrees_with_definition() -> bool:
    """Whether the compiled loop computes what `by_definition` does here."""
    costs = [(_random_bytes(29 * columns) % 18).astype(np.int8).reshape(29, columns) - 9 for columns in (70, 9)]
    lengths = np.array([40, 3])
    codes = np.full(lengths.sum() + 2 * STOPS, STOP, np.uint8)
    sequences = [_random_bytes(length) % 29 for length in lengths.tolist()]
    starts = np.array([0, 40 + STOPS])
    for start, sequence in zip(starts, sequences, strict=True):
        codes[start : start + len(sequence)] = sequence
    expected = [[by_definition(each, sequence) for sequence in sequences] for each in costs]
    try:
        return best_scores(codes, starts, lengths, CostTable.of(costs)).tolist() == expected
    except RuntimeError:  # LLVM has no code for this processor
        return False


def _random_bytes(size: int) -> UInt8[np.ndarray, " size"]:
    return np.frombuffer(Random(size).randbytes(size), np.uint8)


@cache
def _compiled() -> Compiled:
    module = ir.Module()
    _write_best_scores(module)
    return Compiled(module)


def _write_best_scores(module: ir.Module) -> None:
    """Every sequence, eight residues at a time, every vector."""
    write = Writer(module, "best_scores", 10)
    codes, starts, lengths, costs, lanes, states, best, count, width, profiles = write.arguments
    floors = write.constant(FLOOR, LANES, BYTE)
    stride = width + RESIDUES * LANES
    with write.loop(count) as sequence:
        with write.loop(width, step=LANES) as place:
            states.bytes(place).store(floors)
        residues = codes.bytes(starts.words(sequence).load())

        def turn(residue: Number, carried: list[Number]) -> list[Number]:
            read, written, highest = carried
            rows = _rows(residues[residue], costs, stride)

            def through(place: Number, highest: list[Number]) -> list[Number]:
                return [highest[0].at_least(_follow(rows, place, read, written))]

            (highest,) = write.fold(width, [highest], through, step=LANES)
            for vector in range(RESIDUES):
                _enter_next_lane(written.bytes(vector * LANES), width, floors)
            return [written, read, highest]

        length = lengths.words(sequence).load()
        *_, highest = write.fold(length, [states, states + stride, floors], turn, step=RESIDUES)
        with write.loop(profiles) as profile:
            own = lanes.bytes(profile * LANES).load(LANES)
            best.bytes(profile * count + sequence).store(highest.at_most(own).largest() - FLOOR)
    write.end()


def _rows(residues: Bytes, costs: Number, stride: Number) -> list[Bytes]:
    """The costs of each of the next residues, one vector further for each."""
    return [costs.bytes(residues[step].load().word() * stride + step * LANES) for step in range(RESIDUES)]


def _follow(rows: list[Bytes], place: Number, read: Number, written: Number) -> Number:
    """32 diagonals through the next residues: no sum falls below the floor, the highest on each one's way is given."""
    score = read.bytes(place).load(LANES)
    scores = [score := score.minus_saturated(row[place].load(LANES)) for row in rows]
    written.bytes(place + RESIDUES * LANES).store(score)
    while len(scores) > 1:  # in pairs, lest each wait for the one before
        scores = [one.at_least(other) for one, other in zip(scores[::2], scores[1::2], strict=True)]
    return scores[0]


def _enter_next_lane(first: Bytes, width: Number, floors: Number) -> None:
    """Diagonals that have left the last vector go on one lane further in one of the first; new ones enter lane 0."""
    left = first[width].load(LANES)
    half = LANES // 2  # AVX2 moves within halves: this order takes two instructions instead of three
    before = floors.shuffled(left, [*range(half), *range(LANES, LANES + half)])
    lanes = [half - 1, *range(LANES, LANES + half - 1), LANES - 1, *range(LANES + half, 2 * LANES - 1)]
    first.store(before.shuffled(left, lanes))
