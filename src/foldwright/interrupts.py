"""Ctrl-C and SIGTERM, remembered: the exception that carries one may be lost within a library that was just called."""

from __future__ import annotations

import signal
import threading
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


def renew() -> None:
    """Let Python hear Ctrl-C again after a library that listens itself and does not always hand it back.

    RDKit on several threads is one: the next Ctrl-C is lost, and the one after it ends the process on the spot. What
    Python is to do stays as it is; outside the main thread nothing changes.
    """
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)


def _end(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    raise KeyboardInterrupt
