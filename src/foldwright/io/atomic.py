"""Files that appear whole or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from foldwright.errors import InputError

PART = ".part"  # how the name of a file ends that is not whole yet
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILED_WRITES = (*_NO_ROOM, errno.EIO)


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """An open file that takes the name `path` only once the block has ended well and the bytes are on the disk.

    Until then the name keeps what it held before; after an error or an interrupt nothing is left behind.
    Folders are made as needed. Raises InputError if the place cannot be written.
    """
    path = Path(path)
    # Named before it is made, so that an interrupt at any moment finds what to remove.
    name = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with _named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        encoding = None if "b" in mode else "utf-8"
        with _named_errors(path, _FAILED_WRITES), os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with _named_errors(path):
            os.chmod(name, _permissions(path))
            os.replace(name, path)
    except BaseException:
        with suppress(OSError):  # it may never have been made
            name.unlink()
        raise


@contextmanager
def _named_errors(path: Path, only: tuple[int, ...] = ()) -> Iterator[None]:
    """InputError for what the system refuses; while the caller writes, only what must concern this file."""
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        remedy = "Choose a place that you may write to and that has room."
        free = f" ({free_bytes(path):,} bytes are free there)" if error.errno in _NO_ROOM else ""
        raise InputError(f"cannot be written: {error.strerror}{free}.", file=path, remedy=remedy) from error


def free_bytes(path: Path) -> int:
    """Room on the disk that a path lies on or would lie on."""
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def _permissions(path: Path) -> int:
    """Those of the file that is replaced, or those that `open` would give: mkstemp's are for the owner only."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
