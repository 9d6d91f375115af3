"""The best ungapped local score of a profile in many sequences: the recurrence of HMMER's first filter, compiled here.

HMMER keeps 16 columns in a register, whatever the processor has; LLVM's vectors of 32 fill what is there. Eight
residues are followed down their diagonals before a state is written back. Needs llvmlite (extra `search`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Int8, Int64, UInt8
from llvmlite import binding, ir

from foldwright.search.hmmer.packed import STOP, STOPS

RESIDUES = STOPS  # followed at a time
COLUMNS = 32  # of a vector
FLOOR, WORST = -128, 127
_TO_FLOOR = 2  # columns of the worst cost that bring any sum down to where it does not count

_COMPILING = Lock()

Builder = Value = Any  # llvmlite declares no types
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_BYTE, COLUMNS)
_ADDRESS = ir.PointerType()
_NUM_ARGUMENTS = 11


@dataclass(frozen=True, eq=False)
class CostTable:
    """The costs of several profiles side by side. Around each, and for codes of no residue, they end every diagonal.

    first    where the columns of each profile begin, those that end its diagonals included, and where the last ends
    """

    costs: Int8[np.ndarray, "32 padded"]
    first: Int64[np.ndarray, " boundaries"]

    @classmethod
    def of(cls, profiles: Sequence[Int8[np.ndarray, "codes _"]]) -> CostTable:
        """The table of profiles given as cost of each code in each column."""
        first = np.cumsum([0, *(max(COLUMNS, profile.shape[1] + RESIDUES - 1 + _TO_FLOOR) for profile in profiles)])
        vectors = -(-first[-1] // COLUMNS)
        costs = np.full((STOP + 1, vectors * COLUMNS + RESIDUES), WORST, np.int8)
        for begin, profile in zip(first, profiles, strict=False):
            codes, columns = profile.shape
            costs[:codes, begin + RESIDUES - 1 :][:, :columns] = profile
        return cls(costs, first)


def best_scores(
    codes: UInt8[np.ndarray, " letters"],
    starts: Int64[np.ndarray, " sequences"],
    lengths: Int64[np.ndarray, " sequences"],
    table: CostTable,
) -> UInt8[np.ndarray, "profiles sequences"]:
    """The highest sum of -cost along any piece of any diagonal, 0 to 255; sums above 255 count as 255.

    Sequences lie in `codes` with at least RESIDUES codes STOP behind each. Other Python threads go on meanwhile.
    """
    width, profiles = table.costs.shape[1] - RESIDUES, len(table.first) - 1
    best = np.empty((profiles, len(starts)), np.uint8)
    states = np.empty((2, width + COLUMNS), np.int8)
    highest = np.empty(width, np.int8)
    arrays = (codes, starts, lengths, table.costs, table.first, states, highest, best)
    if not all(array.flags.c_contiguous for array in arrays):
        raise ValueError("the loop reads contiguous arrays only")
    with _COMPILING:
        loop = _compiled()
    loop(*(array.ctypes.data for array in arrays), len(starts), width, profiles)
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
    numbers = np.random.default_rng(0)
    costs = [numbers.integers(-9, 9, (29, columns), np.int8) for columns in (70, 9)]
    lengths = np.array([40, 3])
    codes = np.full(lengths.sum() + 2 * STOPS, STOP, np.uint8)
    sequences = [numbers.integers(0, 29, length, np.uint8) for length in lengths]
    starts = np.array([0, 40 + STOPS])
    for start, sequence in zip(starts, sequences, strict=True):
        codes[start : start + len(sequence)] = sequence
    expected = [[by_definition(each, sequence) for sequence in sequences] for each in costs]
    try:
        return best_scores(codes, starts, lengths, CostTable.of(costs)).tolist() == expected
    except RuntimeError:  # LLVM has no code for this processor
        return False


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
    """The function in LLVM's language: for every sequence, every eight residues, every 32 columns."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD] * _NUM_ARGUMENTS), "best_scores")
    codes, starts, lengths, costs, first, states, highest, best, count, width, profiles = function.args
    build: Builder = ir.IRBuilder(function.append_basic_block())
    top = build.alloca(_BYTE)  # here: in a loop it would be another one each time
    state_bytes = build.add(width, _word(COLUMNS))
    with _loop(build, _word(0), count, 1) as sequence:
        _fill(build, states, build.shl(state_bytes, _word(1)))
        _fill(build, highest, width)
        residues = build.add(codes, _item(build, starts, sequence))
        with _loop(build, _word(0), _item(build, lengths, sequence), RESIDUES) as residue:
            is_odd = build.and_(build.udiv(residue, _word(RESIDUES)), _word(1))
            read = build.add(states, build.mul(state_bytes, is_odd))
            written = build.add(states, build.mul(state_bytes, build.xor(is_odd, _word(1))))
            rows = _rows(build, build.add(residues, residue), costs, build.add(width, _word(RESIDUES)))
            with _loop(build, _word(0), width, COLUMNS) as column:
                _follow(build, rows, column, read, written, highest)
        with _loop(build, _word(0), profiles, 1) as profile:
            place = build.add(build.mul(profile, count), sequence)
            begin, end = (_item(build, first, build.add(profile, _word(step))) for step in (0, 1))
            _find_largest(build, highest, begin, end, top)
            above_floor = build.sub(build.load(top, typ=_BYTE), ir.Constant(_BYTE, FLOOR))
            build.store(above_floor, build.inttoptr(build.add(best, place), _ADDRESS))
    build.ret_void()
    return module


def _rows(build: Builder, residues: Value, costs: Value, stride: Value) -> list[Value]:
    """Where the costs of each of the next residues are, one column further for each."""
    rows = []
    for step in range(RESIDUES):
        code = build.load(build.inttoptr(build.add(residues, _word(step)), _ADDRESS), typ=_BYTE)
        row = build.add(costs, build.mul(build.zext(code, _WORD), stride))
        rows.append(build.add(row, _word(step)))
    return rows


def _follow(build: Builder, rows: list[Value], column: Value, read: Value, written: Value, highest: Value) -> None:
    """32 diagonals through the next residues: no sum falls below the floor, the highest is remembered."""
    minus, larger = _on_two(build, "llvm.ssub.sat"), _on_two(build, "llvm.smax")
    remembered = build.add(highest, column)
    score, high = _load(build, build.add(read, column)), _load(build, remembered)
    for row in rows:
        score = build.call(minus, [score, _load(build, build.add(row, column))])
        high = build.call(larger, [high, score])
    _store(build, score, build.add(build.add(written, column), _word(RESIDUES)))
    _store(build, high, remembered)


def _find_largest(build: Builder, highest: Value, begin: Value, end: Value, top: Value) -> None:
    """Leave in `top` the highest sum of the columns from `begin` to `end`, a vector of them at least."""
    of_vector = _declared(build, f"llvm.vector.reduce.smax.v{COLUMNS}i8", ir.FunctionType(_BYTE, [_VECTOR]))
    of_two = _declared(build, "llvm.smax.i8", ir.FunctionType(_BYTE, [_BYTE, _BYTE]))
    last = build.sub(end, _word(COLUMNS))  # a vector that ends with them, for they are not whole vectors
    build.store(build.call(of_vector, [_load(build, build.add(highest, last))]), top)
    with _loop(build, begin, last, COLUMNS) as column:
        here = build.call(of_vector, [_load(build, build.add(highest, column))])
        build.store(build.call(of_two, [here, build.load(top, typ=_BYTE)]), top)


def _fill(build: Builder, array: Value, size: Value) -> None:
    """The floor in every byte; the size is one of whole vectors."""
    floor = ir.Constant(_VECTOR, [FLOOR] * COLUMNS)
    with _loop(build, _word(0), size, COLUMNS) as place:
        _store(build, floor, build.add(array, place))


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
    return _declared(build, f"{name}.v{COLUMNS}i8", ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR]))


def _declared(build: Builder, name: str, kind: ir.FunctionType) -> ir.Function:
    return build.module.globals.get(name) or ir.Function(build.module, kind, name)


def _item(build: Builder, array: Value, index: Value) -> Value:
    """A 64-bit number of an array."""
    return build.load(build.inttoptr(build.add(array, build.mul(index, _word(8))), _ADDRESS), typ=_WORD)


def _load(build: Builder, address: Value) -> Value:
    return build.load(build.inttoptr(address, _ADDRESS), typ=_VECTOR, align=1)


def _store(build: Builder, value: Value, address: Value) -> None:
    build.store(value, build.inttoptr(address, _ADDRESS), align=1)


def _word(value: int) -> ir.Constant:
    return ir.Constant(_WORD, value)
