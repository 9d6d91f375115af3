"""Loops over arrays written as expressions and compiled by LLVM for the processor at hand. Needs llvmlite.

    write = Writer(module, "double", 2)
    numbers, count = write.arguments
    with write.loop(count) as i:
        x = numbers.floats(i)
        x.store(x.load() * 2.0)

A `Number` is an integer of 64 bits, a float, a byte, or a vector of those; an address is an integer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, ClassVar, TypeVar

from llvmlite import binding, ir

WORD, FLOAT, BYTE = ir.IntType(64), ir.FloatType(), ir.IntType(8)

_FLAG = ir.IntType(32)  # of integers that LLVM's own functions take
_POINTER = ir.PointerType()
_COMPILING = Lock()
_COMPILED: list[Compiled] = []
Some = Any  # a Number, or a constant that becomes one
Its = TypeVar("Its", bound="_Memory")  # not typing.Self: beartype checks methods without their class


def vector(lanes: int, kind: ir.Type = FLOAT) -> ir.Type:
    """The type of so many numbers of a kind; one is no vector."""
    return ir.VectorType(kind, lanes) if lanes > 1 else kind


class Number:
    """A value of the function that is being written. Integers have a sign, but for those that are divided."""

    def __init__(self, build: ir.IRBuilder, value: Any):
        self.build, self.value = build, value

    @property
    def is_whole(self) -> bool:
        """Whether it is an integer, or a vector of them."""
        kind = self.value.type
        return isinstance(kind.element if isinstance(kind, ir.VectorType) else kind, ir.IntType)

    def __add__(self, other: Some) -> Number:
        return self._with(other, self.build.add, self.build.fadd)

    def __sub__(self, other: Some) -> Number:
        return self._with(other, self.build.sub, self.build.fsub)

    def __mul__(self, other: Some) -> Number:
        return self._with(other, self.build.mul, self.build.fmul)

    def __truediv__(self, other: Some) -> Number:
        return self._with(other, None, self.build.fdiv)

    def __floordiv__(self, other: Some) -> Number:
        return self._with(other, self.build.udiv, None)

    def __lshift__(self, other: Some) -> Number:
        return self._with(other, self.build.shl, None)

    def __rtruediv__(self, other: Some) -> Number:
        return self.like(other) / self

    def __lt__(self, other: Some) -> Number:
        return Number(self.build, self.build.icmp_signed("<", self.value, self.like(other).value))

    def __le__(self, other: Some) -> Number:
        return Number(self.build, self.build.icmp_signed("<=", self.value, self.like(other).value))

    def like(self, other: Some) -> Number:
        """Another number, or a constant of this one's type."""
        if isinstance(other, Number):
            return other
        kind = self.value.type
        constant = [other] * kind.count if isinstance(kind, ir.VectorType) else other
        return Number(self.build, ir.Constant(kind, constant))

    def times_plus(self, factor: Some, term: Some) -> Number:
        """self * factor + term, rounded once."""
        return self._call("llvm.fma", self.like(factor), self.like(term))

    def at_least(self, other: Some) -> Number:
        """The larger one; NaN stays NaN, and nothing is larger than another's NaN."""
        return self._unless(">", self.like(other))

    def at_most(self, other: Some) -> Number:
        """The smaller one; NaN stays NaN."""
        return self._unless("<", self.like(other))

    def minus_saturated(self, other: Some) -> Number:
        """The difference of signed integers, or the least or greatest there is where it lies beyond."""
        return self._call("llvm.ssub.sat", self.like(other))

    def root(self) -> Number:
        """The square root."""
        return self._call("llvm.sqrt")

    def total(self) -> Number:
        """The sum over the lanes of a vector of floats; of a float, itself."""
        return self._over_lanes("fadd", ir.Constant(FLOAT, -0.0))

    def largest(self) -> Number:
        """The largest of the lanes of a vector, NaN aside; of one number, itself."""
        return self._over_lanes("smax" if self.is_whole else "fmax")

    def everywhere(self, lanes: int) -> Number:
        """A vector of copies of a number."""
        if lanes == 1:
            return self
        nothing = ir.Constant(ir.VectorType(self.value.type, lanes), ir.Undefined)
        first = self.build.insert_element(nothing, self.value, ir.Constant(_FLAG, 0))
        return Number(self.build, first).shuffled(Number(self.build, nothing), [0] * lanes)

    def shuffled(self, other: Number, lanes: Sequence[int]) -> Number:
        """The vector of these lanes of two, those of the other counted on from the last of this one."""
        choice = ir.Constant(ir.VectorType(_FLAG, len(lanes)), lanes)
        return Number(self.build, self.build.shuffle_vector(self.value, other.value, choice))

    def bits(self) -> Number:
        """The integers that the same bits mean, or the floats."""
        kind = self.value.type
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        return Number(self.build, self.build.bitcast(self.value, vector(lanes, FLOAT if self.is_whole else _FLAG)))

    def word(self) -> Number:
        """An integer of 64 bits from a byte, which counts from 0 to 255 here."""
        return Number(self.build, self.build.zext(self.value, WORD))

    def floats(self, index: Some = 0) -> Floats:
        """The floats from an address on, or from so many behind it."""
        return Floats(self)[index]

    def bytes(self, index: Some = 0) -> Bytes:
        """The bytes from an address on, or from so many behind it."""
        return Bytes(self)[index]

    def words(self, index: Some = 0) -> Words:
        """The integers of 64 bits from an address on, or from so many behind it."""
        return Words(self)[index]

    def _unless(self, relation: str, other: Number) -> Number:
        """Itself, unless the other stands in a relation to it."""
        compare = self.build.icmp_signed if self.is_whole else self.build.fcmp_ordered
        is_other = compare(relation, other.value, self.value)
        return Number(self.build, self.build.select(is_other, other.value, self.value))

    def _with(self, other: Some, whole: Callable[..., Any] | None, real: Callable[..., Any] | None) -> Number:
        how = whole if self.is_whole else real
        assert how is not None
        return Number(self.build, how(self.value, self.like(other).value))

    def _call(self, name: str, *others: Number) -> Number:
        kind = self.value.type
        values = [self.value, *(other.value for other in others)]
        return Number(self.build, _called(self.build, f"{name}.{_suffix(kind)}", kind, values))

    def _over_lanes(self, how: str, *first: ir.Constant) -> Number:
        """What a vector comes to when its lanes are taken together in any order; of one number, itself."""
        if not isinstance(kind := self.value.type, ir.VectorType):
            return self
        name = f"llvm.vector.reduce.{how}.{_suffix(kind)}"
        order = () if self.is_whole else ("reassoc",)
        return Number(self.build, _called(self.build, name, kind.element, [*first, self.value], order))


class _Memory:
    """Numbers of one kind in memory, from an address on; no vector needs to begin at a multiple of its size."""

    kind: ClassVar[ir.Type]
    num_bytes: ClassVar[int]

    def __init__(self, address: Number):
        self.address = address

    def __getitem__(self: Its, index: Some) -> Its:
        return type(self)(self.address + self.address.like(index) * self.num_bytes)

    def load(self, lanes: int = 1) -> Number:
        """So many of them."""
        build = self.address.build
        return Number(build, build.load(self._pointer(), typ=vector(lanes, self.kind), align=self.num_bytes))

    def store(self, number: Number) -> None:
        """Write one or a vector."""
        self.address.build.store(number.value, self._pointer(), align=self.num_bytes)

    def prefetch(self) -> None:
        """Say that they will be read soon."""
        read, near, data = (ir.Constant(_FLAG, value) for value in (0, 3, 1))
        _called(self.address.build, "llvm.prefetch.p0", ir.VoidType(), [self._pointer(), read, near, data])

    def _pointer(self) -> Any:
        return self.address.build.inttoptr(self.address.value, _POINTER)


class Floats(_Memory):
    """Floats in memory, from an address on."""

    kind, num_bytes = FLOAT, 4


class Bytes(_Memory):
    """Bytes in memory, from an address on."""

    kind, num_bytes = BYTE, 1


class Words(_Memory):
    """Integers of 64 bits in memory, from an address on."""

    kind, num_bytes = WORD, 8

    def take(self, number: int = 1) -> Number:
        """What stands there, to which the number is added before another thread sees it."""
        build = self.address.build
        return Number(build, build.atomic_rmw("add", self._pointer(), ir.Constant(WORD, number), "seq_cst"))

    def look(self) -> Number:
        """What stands there now; all that the thread wrote that put it there is seen from here on."""
        build = self.address.build
        return Number(build, build.load_atomic(self._pointer(), "seq_cst", self.num_bytes, typ=WORD))


class Writer:
    """Writes a function of 64-bit integers, statement by statement."""

    def __init__(self, module: ir.Module, name: str, num_arguments: int):
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * num_arguments), name)
        self.build = ir.IRBuilder(function.append_basic_block())
        self.arguments = [Number(self.build, argument) for argument in function.args]

    def word(self, value: int) -> Number:
        """An integer."""
        return self.constant(value, kind=WORD)

    def zeros(self, lanes: int = 1) -> Number:
        """A vector of zeros."""
        return self.constant(0.0, lanes)

    def constant(self, value: int | float, lanes: int = 1, kind: ir.Type = FLOAT) -> Number:
        """A vector of one value."""
        return Number(self.build, ir.Constant(vector(lanes, kind), [value] * lanes if lanes > 1 else value))

    @contextmanager
    def loop(self, end: Some, begin: Some = 0, step: Some = 1) -> Iterator[Number]:
        """Count from `begin` up to `end`, which is not reached; there may be no turn."""
        with self._counting(end, begin, step, []) as (counter, _, _):
            yield counter

    def fold(
        self,
        end: Some,
        first: Sequence[Number],
        turn: Callable[[Number, list[Number]], list[Number]],
        begin: Some = 0,
        step: int = 1,
    ) -> list[Number]:
        """The numbers after the last turn of a loop, each of which makes new ones from those before."""
        with self._counting(end, begin, step, first) as (counter, carried, hand_on):
            hand_on(turn(counter, carried))
        return carried

    @contextmanager
    def repeat(self) -> Iterator[Callable[[Number], None]]:
        """Again and again, until the loop is left at a place where a condition holds."""
        build = self.build
        body, after = build.append_basic_block(), build.append_basic_block()
        build.branch(body)
        build.position_at_end(body)

        def leave(condition: Number) -> None:
            rest = build.append_basic_block()
            build.cbranch(condition.value, after, rest)
            build.position_at_end(rest)

        yield leave
        build.branch(body)
        build.position_at_end(after)

    @contextmanager
    def when(self, condition: Number) -> Iterator[None]:
        """What is done only if a condition holds."""
        with self.build.if_then(condition.value):
            yield

    def choose(self, condition: Number, number: Number, other: Number) -> Number:
        """One of two, both of which are there."""
        return Number(self.build, self.build.select(condition.value, number.value, other.value))

    def call(self, address: Number, *arguments: Number) -> None:
        """Run the function at an address."""
        kind = ir.FunctionType(ir.VoidType(), [WORD] * len(arguments))
        function = self.build.inttoptr(address.value, kind.as_pointer())
        self.build.call(function, [argument.value for argument in arguments])

    def end(self) -> None:
        """The function returns."""
        self.build.ret_void()

    @contextmanager
    def _counting(self, end: Some, begin: Some, step: Some, first: Sequence[Number]) -> Iterator[Any]:
        build, begin, end = self.build, self._whole(begin), self._whole(end)
        before = build.block
        head, body, after = (build.append_basic_block() for _ in range(3))
        build.branch(head)
        build.position_at_end(head)
        phis = [build.phi(number.value.type) for number in (begin, *first)]
        for phi, number in zip(phis, (begin, *first), strict=True):
            phi.add_incoming(number.value, before)
        counter, *carried = (Number(build, phi) for phi in phis)
        build.cbranch((counter < end).value, body, after)
        build.position_at_end(body)
        next_ones: list[Number] = []
        yield counter, carried, next_ones.extend
        for phi, number in zip(phis, [counter + step, *next_ones], strict=True):
            phi.add_incoming(number.value, build.block)
        build.branch(head)
        build.position_at_end(after)

    def _whole(self, number: Some) -> Number:
        return number if isinstance(number, Number) else self.word(number)


class Compiled:
    """The functions of a module as machine code for this processor; other Python threads go on while one runs.

    Make it once. LLVM's passes are left out: loops written here are as fast without, and passes cost 0.35 s a module.
    Code is never freed: a thread may be running it, and LLVM cannot free some while it compiles other.

    Raises:
        RuntimeError: LLVM has no code for this processor.
    """

    def __init__(self, module: ir.Module):
        with _COMPILING:
            binding.initialize_native_target()
            binding.initialize_native_asmprinter()
            self.target = binding.Target.from_default_triple().create_target_machine(
                cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3
            )
            self.code = binding.parse_assembly(str(module))
            self.code.verify()
            self._engine = binding.create_mcjit_compiler(self.code, self.target)
            self._engine.finalize_object()
            _COMPILED.append(self)
        written = [function for function in module.functions if not function.is_declaration]
        self._addresses = {each.name: int(self._engine.get_function_address(each.name)) for each in written}
        self._functions = {each.name: _callable(self._addresses[each.name], len(each.args)) for each in written}

    def function(self, name: str) -> Callable[..., None]:
        """One of them, to be called with integers."""
        return self._functions[name]

    def address(self, name: str) -> int:
        """Where one of them begins."""
        return self._addresses[name]


def _callable(address: int, num_arguments: int) -> Callable[..., None]:
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * num_arguments)(address)


def _called(
    build: ir.IRBuilder, name: str, result: ir.Type, values: Sequence[Any], fastmath: Sequence[str] = ()
) -> Any:
    """What a function of LLVM's own makes of values."""
    kind = ir.FunctionType(result, [value.type for value in values])
    return build.call(
        build.module.globals.get(name) or ir.Function(build.module, kind, name), values, fastmath=fastmath
    )


def _suffix(kind: ir.Type) -> str:
    """What the name of an intrinsic function says of its type."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_suffix(kind.element)}"
    return f"i{kind.width}" if isinstance(kind, ir.IntType) else "f32"
