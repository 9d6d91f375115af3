"""Loops over arrays written as expressions and compiled by LLVM for the processor at hand. Needs llvmlite.

    write = Writer(module, "double", 2)
    numbers, count = write.arguments
    with write.loop(count) as i:
        x = numbers.floats(i)
        x.store(x.load() * 2.0)

A `Number` is a 64-bit integer, a float, or a vector of floats; an address is an integer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from llvmlite import binding, ir

WORD, FLOAT, POINTER = ir.IntType(64), ir.FloatType(), ir.PointerType()
FLOAT_BYTES = 4

_COMPILING = Lock()
Some = Any  # a Number, or a constant that becomes one


def vector(lanes: int) -> ir.Type:
    """The type of so many floats; one is a float."""
    return ir.VectorType(FLOAT, lanes) if lanes > 1 else FLOAT


class Number:
    """A value of the function that is being written."""

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

    __radd__, __rmul__ = __add__, __mul__

    def __rtruediv__(self, other: Some) -> Number:
        return self.like(other) / self

    def __rsub__(self, other: Some) -> Number:
        return self.like(other) - self

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
        """The larger one; NaN stays NaN."""
        return self._unless(">", self.like(other))

    def at_most(self, other: Some) -> Number:
        """The smaller one; NaN stays NaN."""
        return self._unless("<", self.like(other))

    def root(self) -> Number:
        """The square root."""
        return self._call("llvm.sqrt")

    def total(self) -> Number:
        """The sum over the lanes of a vector; of a float, itself."""
        if not isinstance(kind := self.value.type, ir.VectorType):
            return self
        function = self._declared(f"llvm.vector.reduce.fadd.{_suffix(kind)}", FLOAT, [FLOAT, kind])
        return Number(
            self.build, self.build.call(function, [ir.Constant(FLOAT, -0.0), self.value], fastmath=("reassoc",))
        )

    def largest(self) -> Number:
        """The largest of the lanes of a vector; of a float, itself."""
        if not isinstance(kind := self.value.type, ir.VectorType):
            return self
        function = self._declared(f"llvm.vector.reduce.fmax.{_suffix(kind)}", FLOAT, [kind])
        return Number(self.build, self.build.call(function, [self.value]))

    def everywhere(self, lanes: int) -> Number:
        """A vector of copies of a float."""
        if lanes == 1:
            return self
        kind = ir.VectorType(self.value.type, lanes)
        one = self.build.insert_element(ir.Constant(kind, ir.Undefined), self.value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return Number(self.build, self.build.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros))

    def bits(self) -> Number:
        """The integers that the same bits mean, or the floats."""
        kind = self.value.type
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        element = FLOAT if self.is_whole else ir.IntType(32)
        return Number(
            self.build, self.build.bitcast(self.value, ir.VectorType(element, lanes) if lanes > 1 else element)
        )

    def floats(self, index: Some = 0) -> Floats:
        """The floats from an address on, or from so many behind it."""
        return Floats(self + self.like(index) * FLOAT_BYTES)

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
        function = self._declared(f"{name}.{_suffix(kind)}", kind, [kind] * (1 + len(others)))
        return Number(self.build, self.build.call(function, [self.value, *(other.value for other in others)]))

    def _declared(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
        known = self.build.module.globals.get(name)
        return known or ir.Function(self.build.module, ir.FunctionType(result, arguments), name)


class Floats:
    """Floats in memory, from an address on."""

    def __init__(self, address: Number):
        self.address = address

    def __getitem__(self, index: Some) -> Floats:
        return self.address.floats(index)

    def load(self, lanes: int = 1) -> Number:
        """So many of them."""
        build = self.address.build
        return Number(build, build.load(self._pointer(), typ=vector(lanes), align=FLOAT_BYTES))

    def store(self, number: Number) -> None:
        """Write a float or a vector."""
        self.address.build.store(number.value, self._pointer(), align=FLOAT_BYTES)

    def prefetch(self) -> None:
        """Say that they will be read soon."""
        build, flag = self.address.build, ir.IntType(32)
        name = "llvm.prefetch.p0"
        function = build.module.globals.get(name) or ir.Function(
            build.module, ir.FunctionType(ir.VoidType(), [POINTER, flag, flag, flag]), name
        )
        read, near, data = 0, 3, 1
        build.call(function, [self._pointer(), *(ir.Constant(flag, value) for value in (read, near, data))])

    def _pointer(self) -> Any:
        return self.address.build.inttoptr(self.address.value, POINTER)


class Writer:
    """Writes a function of 64-bit integers, statement by statement."""

    def __init__(self, module: ir.Module, name: str, num_arguments: int):
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * num_arguments), name)
        self.build = ir.IRBuilder(function.append_basic_block())
        self.arguments = [Number(self.build, argument) for argument in function.args]

    def word(self, value: int) -> Number:
        """An integer."""
        return Number(self.build, ir.Constant(WORD, value))

    def zeros(self, lanes: int = 1) -> Number:
        """A vector of zeros."""
        return self.constant(0.0, lanes)

    def constant(self, value: float, lanes: int = 1) -> Number:
        """A vector of one value."""
        return Number(self.build, ir.Constant(vector(lanes), [value] * lanes if lanes > 1 else value))

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
    def when(self, condition: Number) -> Iterator[None]:
        """What is done only if a condition holds."""
        with self.build.if_then(condition.value):
            yield

    def choose(self, condition: Number, number: Number, other: Number) -> Number:
        """One of two, both of which are there."""
        return Number(self.build, self.build.select(condition.value, number.value, other.value))

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
        written = (function for function in module.functions if not function.is_declaration)
        self._functions = {function.name: self._found(function.name, len(function.args)) for function in written}

    def function(self, name: str) -> Callable[..., None]:
        """One of them, to be called with integers."""
        return self._functions[name]

    def _found(self, name: str, num_arguments: int) -> Callable[..., None]:
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * num_arguments)
        return signature(self._engine.get_function_address(name))


def _suffix(kind: ir.Type) -> str:
    """What the name of an intrinsic function says of its type."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_suffix(kind.element)}"
    return f"i{kind.width}" if isinstance(kind, ir.IntType) else "f32"
