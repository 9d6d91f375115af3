"""A run's folder belongs to one run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foldwright.errors import InputError


@contextmanager
def only_run_in(out: Path) -> Iterator[None]:
    """Hold the folder while this is entered; the hold ends with the process, however it ends.

    Raises:
        InputError: another process trains there, or the folder cannot be made.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        yield
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = open(out / ".lock", "w")  # noqa: SIM115  closed below
    except OSError as fault:
        message = f"cannot be used: {fault.strerror}."
        raise InputError(message, file=out, remedy="Choose another --out.") from fault
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            message, remedy = "another process is training in this folder.", "Wait for it, or choose another --out."
            raise InputError(message, file=out, remedy=remedy) from fault
        yield
