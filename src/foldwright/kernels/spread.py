"""Pieces of a layer on several threads, each with one thread for its operations: nobody waits after every operation."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

import torch

Piece = TypeVar("Piece")


def spread(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
    """`work` on every piece, in any order, by as many threads as torch has; no gradient is recorded.

    Torch itself splits each operation among its threads, and all wait for the slowest each time. Here they meet once a
    layer.

    Raises:
        Exception: the first that `work` raised; pieces not begun by then are left out.
    """
    threads = torch.get_num_threads()
    if min(threads, len(pieces)) < 2:
        return _finish(work, pieces)
    left = iter(pieces)  # shared: whoever is free takes the next
    is_inference = torch.is_inference_mode_enabled()

    def elsewhere() -> None:
        torch.set_num_threads(1)
        with torch.inference_mode(is_inference), torch.no_grad():
            _finish(work, left)

    torch.set_num_threads(1)
    others = [_pool(os.getpid(), threads - 1).submit(elsewhere) for _ in range(min(threads, len(pieces)) - 1)]
    try:
        _finish(work, left)
    finally:
        for _ in left:
            pass
        wait(others)
        torch.set_num_threads(threads)
    for other in others:
        other.result()


def _finish(work: Callable[[Piece], None], left: Iterable[Piece]) -> None:
    for piece in left:
        work(piece)


@cache
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """Threads do not follow into a forked process, which therefore gets its own."""
    return ThreadPoolExecutor(workers, thread_name_prefix=f"foldwright-{process}")
