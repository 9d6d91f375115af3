"""The examples of every step, in order, drawn a little ahead of their use."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from foldwright.errors import InputError
from foldwright.training import schedule
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.step import Group

if TYPE_CHECKING:
    from foldwright.training.data.examples import TrainingExample

T = TypeVar("T")


@runtime_checkable
class Examples(Protocol):
    """Where training examples come from: each is decided by its number alone."""

    def draw(self, number: int, num_passes: int) -> TrainingExample: ...

    def collate(self, examples: list[TrainingExample]) -> TrainingExample: ...


def check_groups(recipe: Recipe, processes: Processes) -> None:
    """Whether the examples of a step can be shared out evenly.

    Raises:
        InputError: they cannot.
    """
    if recipe.examples_per_step % recipe.examples_at_once:
        raise InputError(
            f"{recipe.examples_per_step} examples per step cannot be taken {recipe.examples_at_once} at a time.",
            field="examples_at_once",
            remedy="Choose a divisor of examples_per_step.",
        )
    if num_groups(recipe) % processes.world:
        raise InputError(
            f"{num_groups(recipe)} groups of examples per step cannot be shared evenly by {processes.world} processes.",
            field="examples_per_step",
            remedy="Use as many processes as divide examples_per_step / examples_at_once.",
        )


def num_groups(recipe: Recipe) -> int:
    """Groups of one step over all processes."""
    return recipe.examples_per_step // recipe.examples_at_once


def groups_of_step(examples: Examples, recipe: Recipe, step: int, processes: Processes) -> Iterator[Group]:
    """This process's groups: every `world`-th, from its own number on."""
    passes, at_once = schedule.num_passes(recipe, step), recipe.examples_at_once
    for group in range(processes.rank, num_groups(recipe), processes.world):
        first = step * recipe.examples_per_step + group * at_once
        drawn = [examples.draw(number, passes) for number in range(first, first + at_once)]
        yield Group(first, drawn[0] if at_once == 1 else examples.collate(drawn))


def groups_of_steps(examples: Examples, recipe: Recipe, steps: range, processes: Processes) -> Iterator[Group]:
    """This process's groups of consecutive steps."""
    for step in steps:
        yield from groups_of_step(examples, recipe, step, processes)


@contextmanager
def drawn_ahead(items: Iterator[T], depth: int = 2) -> Iterator[Iterator[T]]:
    """The same items in the same order, made by a thread of their own while earlier ones are used.

    An error while drawing is raised where the item would have come.
    """
    made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=depth)
    is_over = threading.Event()

    def put(item: T | None, fault: BaseException | None = None) -> None:
        while not is_over.is_set():
            try:
                return made.put((item, fault), timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if is_over.is_set():
                    return
            put(None, StopIteration())
        except BaseException as fault:
            put(None, fault)

    def take() -> Iterator[T]:
        while True:
            item, fault = made.get()
            if isinstance(fault, StopIteration):
                return
            if fault is not None:
                raise fault
            assert item is not None
            yield item

    thread = threading.Thread(target=work, name="draw examples", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        is_over.set()
        thread.join()
