"""What makes a database the same database: the content of its files, wherever they lie."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from foldwright.io.atomic import atomic_write

_READ_WHOLE = 1 << 28  # bytes; larger files are known by samples, their size and their date
_SAMPLES, _SAMPLE = 64, 1 << 16


@dataclass(frozen=True)
class Identity:
    """A database as a record names it. `digest` tells two contents apart; `date` is the newest file's."""

    name: str
    digest: str
    num_bytes: int
    date: str


def identify(name: str, files: Sequence[Path], memory: Path) -> Identity:
    """The identity of these files; `memory` is a folder that keeps digests, by path, size and time."""
    stats = [file.stat() for file in files]
    digests = sorted((file.name, _remembered_digest(file, memory)) for file in files)
    digest = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    newest = datetime.datetime.fromtimestamp(max(stat.st_mtime for stat in stats), datetime.UTC)
    return Identity(name, digest, sum(stat.st_size for stat in stats), newest.date().isoformat())


def describe(identity: Identity) -> dict[str, str | int]:
    """For a record."""
    return asdict(identity)


def _remembered_digest(file: Path, memory: Path) -> str:
    status = file.stat()
    stamp = [str(file.resolve()), status.st_size, status.st_mtime_ns]
    memo = memory / f"{hashlib.sha256(stamp[0].encode()).hexdigest()[:24]}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(memo.read_text())
        if kept["stamp"] == stamp:
            return kept["digest"]
    digest = _digest(file, status.st_size, status.st_mtime_ns)
    with atomic_write(memo) as out:
        json.dump({"stamp": stamp, "digest": digest}, out)
    return digest


def _digest(file: Path, num_bytes: int, time: int) -> str:
    with file.open("rb") as data:
        if num_bytes <= _READ_WHOLE:
            return hashlib.file_digest(data, "sha256").hexdigest()
        sampled = hashlib.sha256(f"{num_bytes} {time}".encode())
        for place in _places(num_bytes):
            data.seek(place)
            sampled.update(data.read(_SAMPLE))
    return sampled.hexdigest()


def _places(num_bytes: int) -> Iterator[int]:
    last = num_bytes - _SAMPLE
    return (last * i // (_SAMPLES - 1) for i in range(_SAMPLES))
