"""Results of searches by content: what was asked for once, by whichever job, is not searched again."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.a3m import read_a3m, write_a3m
from foldwright.io.hhr import TemplateHit
from foldwright.search.found import Found

_POLL = 0.2  # seconds between two looks at a search that another process has begun
_FORMAT = 1  # of an entry; part of its key


def key_of(**asked: Any) -> str:
    """The name of a search: a hash of all that decides its result."""
    text = json.dumps({"format": _FORMAT, **asked}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder for each result, which is whole when it appears; processes may share it."""

    folder: Path

    def get(self, key: str) -> tuple[Found, dict[str, Any]] | None:
        """A result and the record that was kept with it; None if it is not here or damaged."""
        place = self._place(key)
        try:
            record = json.loads((place / "record.json").read_text())
            hits = tuple(TemplateHit(**hit) for hit in json.loads((place / "hits.json").read_text()))
            rows = place / "alignment.a3m.gz"
            return Found(read_a3m(rows) if rows.exists() else None, hits), record
        except (OSError, ValueError, TypeError, InputError):
            return None

    def put(self, key: str, found: Found, record: Mapping[str, Any]) -> None:
        """Keep a result. Raises InputError if the cache cannot be written."""
        place = self._place(key)
        with _disk_faults(self.folder):
            place.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=f".{key[:16]}.", suffix=".part", dir=place.parent))
            try:
                for name, data in _files(found, record):
                    _write(part / name, data)
                shutil.rmtree(place, ignore_errors=True)  # a damaged entry
                _rename(part, place)
            finally:
                shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def claim(self, key: str, wait: bool = False) -> Iterator[bool]:
        """Whether this search is now ours: no other process works on it until the block ends."""
        path = self.folder / "locks" / f"{key}.lock"
        with _disk_faults(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
        handle = _lock(path)
        while handle is None and wait:
            interrupts.check()
            time.sleep(_POLL)
            handle = _lock(path)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                path.unlink(missing_ok=True)
                os.close(handle)

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / key


def _files(found: Found, record: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    if found.alignment is not None:
        yield "alignment.a3m.gz", gzip.compress(write_a3m(found.alignment).encode(), compresslevel=1, mtime=0)
    yield "hits.json", json.dumps([asdict(hit) for hit in found.template_hits]).encode()
    yield "record.json", json.dumps(record, indent=1).encode()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _rename(part: Path, place: Path) -> None:
    """Another process may have been first with the same result: then its entry stays."""
    try:
        part.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def _lock(path: Path) -> int | None:
    """An open lock on the file of this name, or None if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows: entries are whole all the same, a search may be made twice
        return os.open(os.devnull, os.O_RDONLY)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == os.stat(path).st_ino:  # else its last holder has just removed it
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


@contextmanager
def _disk_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "Set FOLDWRIGHT_CACHE to a folder that you may write to and that has room."
        raise InputError(f"cannot be written: {error.strerror or error}.", file=folder, remedy=remedy) from error
