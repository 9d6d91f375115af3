"""Searching the next jobs while the present one is predicted."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
PATIENCE = 1.0  # seconds of waiting before it is said that one waits


class Ahead(Generic[Item]):
    """An iterator over what another iterator makes, which a thread runs one item ahead of whoever reads.

    The thread ends with the process, so that a request to end does not wait for a search.
    """

    def __init__(self, items: Iterable[Item], on_wait: Callable[[], None] = lambda: None):
        self.ready: queue.Queue[Item | BaseException | None] = queue.Queue(maxsize=1)
        self.is_stopped = threading.Event()
        self.on_wait = on_wait
        threading.Thread(target=self._fill, args=(items,), daemon=True, name="search").start()

    def __iter__(self) -> Iterator[Item]:
        while (item := self._next()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        """Begin nothing more; what is being made is thrown away."""
        self.is_stopped.set()

    def _next(self) -> Item | BaseException | None:
        try:
            return self.ready.get(timeout=PATIENCE)
        except queue.Empty:
            self.on_wait()
            return self.ready.get()

    def _fill(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._put(item)
                if self.is_stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:  # whoever reads has to know, whatever it is
            self._put(error)

    def _put(self, item: Item | BaseException | None) -> None:
        while not self.is_stopped.is_set():
            try:
                return self.ready.put(item, timeout=0.1)
            except queue.Full:
                continue
