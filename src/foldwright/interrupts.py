"""Ctrl-C and SIGTERM, remembered: the exception that carries one may be lost within a library that was just called."""

from __future__ import annotations

import signal
from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM)
_asked: list[int] = []


def remember() -> None:
    """From now on both signals raise KeyboardInterrupt, and are kept for `check`."""
    _asked.clear()
    for number in ASKING:
        signal.signal(number, _end)


def check() -> None:
    """Raise KeyboardInterrupt if a signal has come, however long ago; for places between two pieces of work."""
    if _asked:
        raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    raise KeyboardInterrupt
