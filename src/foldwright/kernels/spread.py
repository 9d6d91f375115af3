"""Pieces of a layer on several threads, each with one thread for its operations: nobody waits after every operation."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from threading import local
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
SMALLEST_SHARE = 1 << 20  # bytes; with less for each thread, products are too small
_TEAM = local()


def num_threads() -> int:
    """How many threads share the pieces: as many as torch has, or had before this thread made a team of them."""
    return getattr(_TEAM, "size", 0) or torch.get_num_threads()


@contextmanager
def team() -> Iterator[None]:
    """Torch's threads as a team for `spread`; the operations of each, the caller too, run on one thread.

    Torch keeps its threads awake for milliseconds after an operation, in the way of these: where pieces follow each
    other closely, the operations between them had better not wake them.
    """
    size = num_threads()
    if size == 1 or hasattr(_TEAM, "size"):
        yield
        return
    _TEAM.size = size
    torch.set_num_threads(1)
    try:
        yield
    finally:
        del _TEAM.size
        torch.set_num_threads(size)


def is_worth_spreading(num_bytes: int) -> bool:
    """Whether every thread would have enough of so many bytes."""
    return num_bytes >= num_threads() * SMALLEST_SHARE


def spread(work: Callable[[Piece], None], pieces: Sequence[Piece], most: int | None = None) -> None:
    """`work` on every piece, in any order, by as many threads as torch has, or `most`; no gradient is recorded.

    Torch itself splits each operation among its threads, and all wait for the slowest each time. Here they meet once a
    layer.

    Raises:
        Exception: the first that `work` raised; pieces not begun by then are left out.
    """
    threads = min(num_threads(), len(pieces), most or len(pieces))
    if threads < 2:
        return _finish(work, pieces)
    left = iter(pieces)  # shared: whoever is free takes the next
    is_inference = torch.is_inference_mode_enabled()

    def elsewhere() -> None:
        with torch.inference_mode(is_inference), torch.no_grad():
            _finish(work, left)

    with team():
        others = [pool().submit(elsewhere) for _ in range(threads - 1)]
        try:
            _finish(work, left)
        finally:
            for _ in left:
                pass
            wait(others)
    for other in others:
        other.result()


def _finish(work: Callable[[Piece], None], left: Iterable[Piece]) -> None:
    for piece in left:
        work(piece)


def pool() -> ThreadPoolExecutor:
    """The other threads of the team."""
    return _pool(os.getpid(), num_threads() - 1)


@cache
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """Threads do not follow into a forked process, which therefore gets its own."""
    return ThreadPoolExecutor(workers, f"foldwright-{process}", initializer=torch.set_num_threads, initargs=(1,))
