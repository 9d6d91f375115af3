"""A request to stop is granted between two steps, so that nothing half-done is kept or lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from foldwright.interrupts import ASKING


class Stopped(KeyboardInterrupt):
    """The run was asked to stop by a signal, and has kept what it had."""

    def __init__(self, number: int):
        self.exit_code = 128 + number  # as shells expect
        super().__init__(signal.Signals(number).name)


class Interrupts:
    """Ctrl-C and SIGTERM are noted while this is entered; a second one stops at once."""

    def __init__(self):
        self.asked: int | None = None

    @property
    def is_asked(self) -> bool:
        """Whether a signal has come."""
        return self.asked is not None

    def leave(self) -> None:
        """Stop now, in order."""
        raise Stopped(self.asked or signal.SIGTERM)

    def __enter__(self) -> Interrupts:
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # others cannot receive signals
            self.before = {number: signal.signal(number, self._note) for number in ASKING}
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_asked:
            raise Stopped(number)
        self.asked = number
