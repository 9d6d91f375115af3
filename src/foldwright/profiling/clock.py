"""How long each operation takes, forward and backward, by marks at its borders that change nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from foldwright.profiling.operations import OTHER, Place, places
from foldwright.profiling.products import Product, products_of

FORWARD, BACKWARD = "forward", "backward"


class Clock:
    """Adds the time between two marks to the operation that the first of them named.

    On an accelerator the marks are events of its queue, so that nothing waits for it until `seconds` is asked.
    """

    def __init__(self, device: torch.device):
        self.is_cuda = device.type == "cuda"
        self.marks: list[tuple[str, str, Any]] = []  # phase, operation, when it began
        self.phase = FORWARD
        self.operation = OTHER

    def switch(self, operation: str, phase: str | None = None) -> None:
        """From now on it is this operation's time."""
        self.phase, self.operation = phase or self.phase, operation
        self.marks.append((self.phase, operation, self._now()))

    def seconds(self) -> dict[tuple[str, str], float]:
        """Of every (phase, operation) since the first mark, up to the last."""
        if self.is_cuda:
            torch.cuda.synchronize()
        total: dict[tuple[str, str], float] = defaultdict(float)
        for (phase, operation, start), (_, _, end) in zip(self.marks, self.marks[1:], strict=False):
            total[phase, operation] += start.elapsed_time(end) / 1e3 if self.is_cuda else end - start
        return dict(total)

    def _now(self) -> Any:
        if not self.is_cuda:
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


class Counts:
    """The products of every call, by operation; those of the last pass, which is differentiated, apart."""

    def __init__(self) -> None:
        self.products: list[tuple[str, bool, Product]] = []  # operation, is differentiated, product

    def add(self, place: Place, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        """A call of this layer."""
        found = products_of(place.module, inputs)
        self.products += [(place.operation, torch.is_grad_enabled(), product) for product in found]


@contextmanager
def counting(model: nn.Module) -> Iterator[Counts]:
    """The products of all calls made in the block."""
    counts = Counts()
    handles = [
        place.module.register_forward_pre_hook(partial(counts.add, place))
        for place in places(model)
        if place.is_counted
    ]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def timing(model: nn.Module, clock: Clock) -> Iterator[None]:
    """Tells the clock which operation runs; to the losses it must be switched by whoever computes them."""
    handles = [handle for place in places(model) if place.is_entry for handle in _watch(place, clock)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watch(place: Place, clock: Clock) -> Iterator[Any]:
    """Hooks that switch the clock where this module begins and ends, in both directions."""
    around: list[tuple[str, torch.profiler.record_function]] = []  # a stack: a module may be called within itself

    def enter(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        outer = clock.operation
        inputs = marked(inputs, lambda: clock.switch(outer))
        clock.switch(place.operation)
        name = torch.profiler.record_function(place.operation)
        name.__enter__()
        around.append((outer, name))
        return inputs

    def leave(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        outer, name = around.pop()
        name.__exit__(None, None, None)
        clock.switch(outer)
        return marked(output, lambda: clock.switch(place.operation))

    yield place.module.register_forward_pre_hook(enter)
    # Also called where recomputation stops halfway, having what it wants.
    yield place.module.register_forward_hook(leave, always_call=True)


def marked(value: Any, tell: Callable[[], None]) -> Any:
    """The same value; `tell` is called once the gradients of all its tensors are known."""
    tensors: list[Tensor] = []
    _rebuilt(value, lambda x: tensors.append(x) or x)
    if not tensors:
        return value
    through = iter(_Mark.apply(tell, *tensors))  # pyright: ignore[reportArgumentType]
    return _rebuilt(value, lambda x: next(through))


def _rebuilt(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The value with every differentiable tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value) if value.requires_grad else value
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(_rebuilt(item, change) for item in value)
    inner = getattr(value, "map", None)  # groups of tensors and frames
    return value if inner is None else inner(lambda x: _rebuilt(x, change))


class _Mark(torch.autograd.Function):
    """The identity, whose backward pass tells that it came by."""

    @staticmethod
    def forward(ctx: Any, tell: Callable[[], None], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.tell = tell
        ctx.set_materialize_grads(False)
        return tuple(x.view_as(x) for x in tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.tell()
        return None, *gradients
