"""The best ungapped local score of a profile in many sequences: the recurrence of HMMER's first filter, compiled here.

HMMER keeps 16 columns in a register, whatever the processor has; LLVM's vectors of 32 fill what is there. As in HMMER
(Farrar 2007, Bioinformatics 23, 156) columns that follow each other lie in the same lane of vectors that follow each
other, so that a diagonal stays in its lane and every vector is read where a line of the cache has it. Eight residues
are followed down their diagonals before a state is written back. Needs llvmlite (extra `search`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64, UInt8
from llvmlite import binding, ir

from foldwright.search.hmmer.packed import STOP, STOPS

RESIDUES = STOPS  # followed at a time
LANES = 32  # of a vector
FLOOR, WORST = -128, 127
_HIGHEST = 127
_TO_FLOOR = 2  # columns of the worst cost that bring any sum down to where it does not count

_LINE = 64  # bytes of the cache's lines
_COMPILING = Lock()

Builder = Value = Any  # llvmlite declares no types
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_BYTE, LANES)
_ADDRESS = ir.PointerType()
_NUM_ARGUMENTS = 10
_FLOORS = ir.Constant(_VECTOR, [FLOOR] * LANES)


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
    with _COMPILING:
        loop = _compiled()
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
def _compiled() -> Callable[..., None]:
    """The loop for this processor."""
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * _NUM_ARGUMENTS)
    return signature(_engine().get_function_address("best_scores"))


@cache
def _engine() -> binding.ExecutionEngine:
    """What owns the compiled code; it must be made once and never be lost."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3
    )
    module = binding.parse_assembly(str(_module()))
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=2)
    passes = binding.create_pass_builder(target, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, target)
    engine.finalize_object()
    return engine


def _module() -> ir.Module:
    """The function in LLVM's language: for every sequence, every eight residues, every vector."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD] * _NUM_ARGUMENTS), "best_scores")
    codes, starts, lengths, costs, lanes, states, best, count, width, profiles = function.args
    build: Builder = ir.IRBuilder(function.append_basic_block())
    highest = build.alloca(_VECTOR)  # here: in a loop it would be another one each time
    state_bytes = build.add(width, _word(RESIDUES * LANES))
    with _loop(build, _word(0), count, 1) as sequence:
        build.store(_FLOORS, highest)
        _fill(build, states, width)
        residues = build.add(codes, _item(build, starts, sequence))
        with _loop(build, _word(0), _item(build, lengths, sequence), RESIDUES) as residue:
            is_odd = build.and_(build.udiv(residue, _word(RESIDUES)), _word(1))
            read = build.add(states, build.mul(state_bytes, is_odd))
            written = build.add(states, build.mul(state_bytes, build.xor(is_odd, _word(1))))
            rows = _rows(build, build.add(residues, residue), costs, state_bytes)
            with _loop(build, _word(0), width, LANES) as place:
                _follow(build, rows, place, read, written, highest)
            for vector in range(RESIDUES):
                _enter_next_lane(build, build.add(written, _word(vector * LANES)), width)
        with _loop(build, _word(0), profiles, 1) as profile:
            place = build.add(build.mul(profile, count), sequence)
            own = _load(build, build.add(lanes, build.mul(profile, _word(LANES))), align=1)
            build.store(_largest(build, highest, own), build.inttoptr(build.add(best, place), _ADDRESS))
    build.ret_void()
    return module


def _rows(build: Builder, residues: Value, costs: Value, stride: Value) -> list[Value]:
    """Where the costs of each of the next residues are, one vector further for each."""
    rows = []
    for step in range(RESIDUES):
        code = build.load(build.inttoptr(build.add(residues, _word(step)), _ADDRESS), typ=_BYTE)
        row = build.add(costs, build.mul(build.zext(code, _WORD), stride))
        rows.append(build.add(row, _word(step * LANES)))
    return rows


def _follow(build: Builder, rows: list[Value], place: Value, read: Value, written: Value, highest: Value) -> None:
    """32 diagonals through the next residues: no sum falls below the floor, the highest is remembered."""
    minus, larger = _on_two(build, "llvm.ssub.sat"), _on_two(build, "llvm.smax")
    score = _load(build, build.add(read, place))
    scores = []
    for row in rows:
        score = build.call(minus, [score, _load(build, build.add(row, place))])
        scores.append(score)
    _store(build, score, build.add(build.add(written, place), _word(RESIDUES * LANES)))
    while len(scores) > 1:  # in pairs, lest each wait for the one before
        scores = [build.call(larger, pair) for pair in zip(scores[::2], scores[1::2], strict=True)]
    build.store(build.call(larger, [build.load(highest, typ=_VECTOR), *scores]), highest)


def _enter_next_lane(build: Builder, first: Value, width: Value) -> None:
    """Diagonals that have left the last vector go on one lane further in one of the first; new ones enter lane 0."""
    left = _load(build, build.add(first, width))
    half = LANES // 2  # AVX2 moves within halves: this order takes two instructions instead of three
    before = _shuffled(build, _FLOORS, left, [*range(half), *range(LANES, LANES + half)])
    lanes = [half - 1, *range(LANES, LANES + half - 1), LANES - 1, *range(LANES + half, 2 * LANES - 1)]
    _store(build, _shuffled(build, before, left, lanes), first)


def _largest(build: Builder, highest: Value, own: Value) -> Value:
    """The highest score in a profile's own lanes, above the floor."""
    of_vector = _declared(build, f"llvm.vector.reduce.smax.v{LANES}i8", ir.FunctionType(_BYTE, [_VECTOR]))
    scores = build.call(_on_two(build, "llvm.smin"), [build.load(highest, typ=_VECTOR), own])
    return build.sub(build.call(of_vector, [scores]), ir.Constant(_BYTE, FLOOR))


def _fill(build: Builder, array: Value, size: Value) -> None:
    """The floor in every byte; the size is one of whole vectors."""
    with _loop(build, _word(0), size, LANES) as place:
        _store(build, _FLOORS, build.add(array, place))


@contextmanager
def _loop(build: Builder, begin: Value, end: Value, step: int) -> Iterator[Value]:
    """Count from `begin` up to `end`, which is not reached; there may be no turn."""
    before = build.block
    head, body, after = (build.append_basic_block() for _ in range(3))
    build.branch(head)
    build.position_at_end(head)
    counter = build.phi(_WORD)
    counter.add_incoming(begin, before)
    build.cbranch(build.icmp_signed("<", counter, end), body, after)
    build.position_at_end(body)
    yield counter
    counter.add_incoming(build.add(counter, _word(step)), build.block)
    build.branch(head)
    build.position_at_end(after)


def _on_two(build: Builder, name: str) -> ir.Function:
    return _declared(build, f"{name}.v{LANES}i8", ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR]))


def _shuffled(build: Builder, first: Value, second: Value, lanes: list[int]) -> Value:
    return build.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes))


def _declared(build: Builder, name: str, kind: ir.FunctionType) -> ir.Function:
    return build.module.globals.get(name) or ir.Function(build.module, kind, name)


def _item(build: Builder, array: Value, index: Value) -> Value:
    """A 64-bit number of an array."""
    return build.load(build.inttoptr(build.add(array, build.mul(index, _word(8))), _ADDRESS), typ=_WORD)


def _load(build: Builder, address: Value, align: int = LANES) -> Value:
    return build.load(build.inttoptr(address, _ADDRESS), typ=_VECTOR, align=align)


def _store(build: Builder, value: Value, address: Value) -> None:
    build.store(value, build.inttoptr(address, _ADDRESS), align=LANES)


def _word(value: int) -> ir.Constant:
    return ir.Constant(_WORD, value)
