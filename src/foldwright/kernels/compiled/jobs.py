"""Work that threads share with no Python between: each takes the next piece of a list of jobs until none is left.

A job is a function for ranges of what there is to do. Pieces are taken in order, and one waits only for pieces before
it, so that the list ends with however many threads come, and whenever they come.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from time import perf_counter
from typing import Any

import torch
from llvmlite import ir
from torch import Tensor

from foldwright.kernels.compiled.tiles import address, ceil_to
from foldwright.kernels.fast import MEBIBYTE
from foldwright.kernels.spread import is_worth_spreading, num_threads, pool, team
from foldwright.llvm import Compiled, Some, Writer

PIECES_PER_THREAD = 8  # of a job: whoever is late then holds up less
UNINTERRUPTED = 64 * MEBIBYTE  # of a piece at most: less than a second's work for which Ctrl-C has to wait
HEARING = 0.05  # seconds after which a thread that has Ctrl-C to hear looks up
LINE = 8  # words that threads pass between them at once: what one writes often stands apart from all else
# Of the list: the next piece, how many are done, where arguments begin; then a line for each thread, and the jobs.
NEXT, DONE, TABLES, THREADS = 0, LINE, 2 * LINE, 3 * LINE
ROW = 9  # words of a job


class Piece(Writer):
    """Writes the function of a job, which does what there is from `begin` up to `stop`; its numbers come in a table.

    room  memory of the thread that runs it, zeros at first
    """

    def __init__(self, module: ir.Module, name: str, num_arguments: int):
        super().__init__(module, name, 4)
        table, self.begin, self.stop, self.room = self.arguments
        self.arguments = [table.words(i).load() for i in range(num_arguments)]


@dataclass
class Jobs:
    """A list of them, to be added to and then run."""

    _rows: list[int] = field(default_factory=list)
    _arguments: list[int] = field(default_factory=list)  # of all jobs, one after the other
    _kept: list[Any] = field(default_factory=list)  # what these only say where to find
    _pieces: int = 0
    _bytes: int = 0

    def add(
        self,
        compiled: Compiled,
        name: str,
        *arguments: Tensor | int,
        total: int,
        num_bytes: int,
        unit: int = 1,
        room: int | Tensor = 0,
        waits: bool = True,
    ) -> None:
        """`total` things to do by a function of this name.

        arguments  what its table holds; of a tensor, where it lies
        num_bytes  how much it reads or makes: with little, one thread does it all
        unit       how many of the things are best left together
        room       floats that each thread needs, or such a room to share with jobs of the same function
        waits      whether all jobs before this one have to be done first
        """
        pieces = max(PIECES_PER_THREAD * num_threads(), ceil(num_bytes / UNINTERRUPTED))
        step = max(unit, total // pieces // unit * unit)
        after = self._pieces if waits else 0
        begin, self._pieces = self._pieces, self._pieces + ceil(total / step)
        where = compiled.address(name), len(self._arguments)
        self._arguments += [address(each) if isinstance(each, Tensor) else each for each in arguments]
        space = self.room(room) if isinstance(room, int) and room else room
        own = (space.data_ptr(), space.stride(0) * space.itemsize) if isinstance(space, Tensor) else (0, 0)
        self._rows += begin, self._pieces, after, total, step, *where, *own
        self._kept += arguments, space
        self._bytes += num_bytes

    def keep(self, tensor: Tensor) -> None:
        """Hold on to what a job is only told where to find."""
        self._kept.append(tensor)

    def room(self, size: int) -> Tensor:
        """So many floats for each thread."""
        return torch.zeros(num_threads(), ceil_to(size, 2 * LINE))

    def run(self) -> None:
        """All of it.

        Raises:
            KeyboardInterrupt: somebody asked for an end; what is not begun is left out, what is begun is done.
        """
        threads = num_threads() if is_worth_spreading(self._bytes) else 1
        rows = THREADS + threads * LINE
        state = torch.tensor([0] * rows + self._rows + self._arguments)
        state[THREADS:rows:LINE] = rows
        state[TABLES] = rows + len(self._rows)
        work, where, total = _take(), state.data_ptr(), self._pieces

        def help(thread: int, state: Tensor = state) -> None:  # who comes late finds nothing, but has to find it
            work(where, thread, total, total)

        with team():
            others: list[Future[None]] = []
            most = 1
            try:
                others.extend(pool().submit(help, thread) for thread in range(1, threads))
                while state[DONE] < total:
                    start = perf_counter()
                    work(where, 0, total, most)
                    most = most * 2 if perf_counter() - start < HEARING else max(1, most // 2)
            except BaseException:
                state[NEXT] = total
                while not all(other.done() for other in others):  # they write to what is about to be freed
                    with suppress(KeyboardInterrupt):
                        wait(others)
                raise


def run(compiled: Compiled, name: str, *arguments: Tensor | int, **how: Any) -> None:
    """A single job, as `Jobs.add` takes it."""
    jobs = Jobs()
    jobs.add(compiled, name, *arguments, **how)
    jobs.run()


@cache
def _take() -> Callable[[int, int, int, int], None]:
    """What each thread runs: the list, the thread's number, how many pieces there are, and how many it may take."""
    module = ir.Module()
    write = Writer(module, "take", 4)
    state, thread, total, most = write.arguments
    own = state.words(THREADS)[thread * LINE]
    place, taken = own[0], own[1]
    yielding = write.word(_address_of_yield())

    def wait_for(count: Some) -> None:
        with write.repeat() as leave:
            leave(write.word(0).like(count) <= state.words(DONE).look())
            write.call(yielding)

    taken.store(write.word(0))
    with write.repeat() as leave:
        leave(most <= taken.load())
        taken.store(taken.load() + 1)
        piece = state.words(NEXT).take()
        with write.when(total <= piece), write.when(thread < 1):
            wait_for(total)
        leave(total <= piece)
        with write.repeat() as found:
            found(piece < state.words(place.load() + 1).load())
            place.store(place.load() + ROW)
        row = state.words(place.load())
        first, _, after, end, step, function, table, room, size = (row[i].load() for i in range(ROW))
        wait_for(after)
        begin = (piece - first) * step
        arguments = state.words(state.words(TABLES).load() + table).address
        write.call(function, arguments, begin, (begin + step).at_most(end), room + thread * size)
        state.words(DONE).take()
    write.end()
    return Compiled(module).function("take")


def _address_of_yield() -> int:
    """The operating system's function that lets others have the processor."""
    found = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
    assert found is not None
    return found
