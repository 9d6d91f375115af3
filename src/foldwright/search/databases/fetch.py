"""Published databases brought here: sizes and room first, then download, check and unpack; each appears whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.download import PATIENT, RESERVE, Patience, Report, announced_size, disk_faults, download, silent
from foldwright.search.databases.catalog import Release
from foldwright.search.databases.places import FASTA, find
from foldwright.search.databases.receipts import faults, read_receipt, write_receipt
from foldwright.search.databases.unpacking import CHUNK, Progress, Sink, Source, check_unpacker, copy, extract, opened

DOWNLOADS = ".downloads"
USUAL_GROWTH = 5.0  # how many times larger an archive is once unpacked, where nobody says


@dataclass(frozen=True)
class Planned:
    """One release before it is fetched.

    here      where its database lies already, None if it must be fetched
    packed    bytes still to download: as the server says, else as the catalogue does, None if nobody knows
    """

    release: Release
    here: Path | None
    packed: int | None

    @property
    def unpacked(self) -> int | None:
        if self.release.unpacked is not None:
            return self.release.unpacked
        return None if self.packed is None else int(USUAL_GROWTH * self.packed)

    @property
    def room(self) -> int:
        """Bytes needed on the disk while it is being made."""
        return 0 if self.here else (self.packed or 0) + (self.unpacked or 0)


def plan(releases: Sequence[Release], folder: Path, ask: bool = True) -> list[Planned]:
    """What each release needs; with `ask` the servers are asked for exact sizes."""
    return [_planned(release, folder, ask) for release in releases]


def check_room(planned: Iterable[Planned], folder: Path) -> None:
    """Raises InputError if what is missing does not fit onto the disk, counting packed and unpacked files."""
    needed = sum(each.room for each in planned)
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if needed and needed + RESERVE > free:
        raise InputError(
            f"{needed / 1e9:,.1f} GB are needed and {free / 1e9:,.1f} GB are free on this disk.",
            file=folder,
            field="--databases",
            remedy="Choose a folder on a larger disk, or a smaller set; `foldwright databases list` shows them.",
        )


def fetch(
    release: Release, folder: Path, *, patience: Patience = PATIENT, report: Report = silent, unpacking: Report = silent
) -> Path:
    """Download and unpack a release unless its database is here; an interrupted download goes on where it stopped.

    Raises InputError: see `download`; or something that is not this release lies in its place.
    """
    if here := where(release, folder):
        return here
    if (folder / release.target).exists():
        remedy = "Remove it, or choose another folder with --databases."
        raise InputError("this is not complete and was not fetched here.", file=folder / release.target, remedy=remedy)
    check_unpacker([url.rsplit("/", 1)[1] for url in release.urls])
    place = folder / DOWNLOADS / release.name
    notes = [_downloaded(url, place, patience, report) for url in release.urls]
    files = [place / url.rsplit("/", 1)[1] for url in release.urls]
    unpack = _joined if release.kind == FASTA else _extracted
    known = unpack(files, folder / release.target, lambda done: unpacking(done, release.unpacked))
    write_receipt(
        folder,
        release.name,
        release.target,
        database=release.database,
        date=release.date,
        licence=release.licence,
        publisher=release.publisher,
        downloads=notes,
        **known,
    )
    shutil.rmtree(place)
    return find(folder, release.database)


def where(release: Release, folder: Path) -> Path | None:
    """Where the database of a release lies, whoever brought it; None if it is not here or not whole."""
    note = read_receipt(folder, release.name)
    if note is not None and faults(folder, note):
        return None
    try:
        return find(folder, release.database)
    except InputError:
        return None


def _planned(release: Release, folder: Path, ask: bool) -> Planned:
    if here := where(release, folder):
        return Planned(release, here, 0)
    sizes = [announced_size([url]) for url in release.urls] if ask else [None]
    told = [size for size in sizes if size is not None]
    return Planned(release, None, sum(told) if len(told) == len(sizes) else release.packed)


def _downloaded(url: str, place: Path, patience: Patience, report: Report) -> dict[str, Any]:
    """A file of a release and what is known of it; one that an earlier run brought is not fetched again."""
    target = place / url.rsplit("/", 1)[1]
    memo = target.with_name(f"{target.name}.json")
    try:
        note = json.loads(memo.read_text("utf-8"))
        if note["url"] == url and note["bytes"] == target.stat().st_size:
            return note
    except (OSError, ValueError, KeyError):
        pass
    got = download([url], target, patience=patience, report=report)
    note = {"url": url, "bytes": got.num_bytes, "sha256": got.sha256, "checked_against": got.checked_against}
    with atomic_write(memo) as file:
        json.dump(note, file)
    return note


class _Hashed:
    """A file whose hash is known once it is written."""

    def __init__(self, file: Sink):
        self.file, self.hash, self.last = file, hashlib.sha256(), b""

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.last = data[-1:]
        return self.file.write(data)


def _joined(files: Sequence[Path], target: Path, progress: Progress) -> dict[str, Any]:
    """FASTA files one after the other in one file."""
    done = 0
    with disk_faults(target), atomic_write(target, "wb") as file:
        hashed = _Hashed(file)
        for path in files:
            with opened(path) as stream:
                done = _append(stream, hashed, path, done, progress)
        if not done:
            raise InputError("nothing is in it.", file=files[0], remedy="Delete it and fetch it again.")
    return {"sha256": hashed.hash.hexdigest()}


def _append(stream: Source, target: _Hashed, path: Path, done: int, progress: Progress) -> int:
    start = stream.read(1)
    if not start:
        return done  # damage to the file is told when it is closed
    if start != b">":
        raise InputError("this is no FASTA file.", file=path, remedy="Delete it and fetch it again.")
    target.write(b"\n>" if target.last not in (b"", b"\n") else b">")
    return copy(stream, target, done + 1, progress)


def _extracted(files: Sequence[Path], target: Path, progress: Progress) -> dict[str, Any]:
    """Archives in a folder that gets its name once everything is in it."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        for path in files:
            extract(path, part, progress)
        inside = part / target.name  # archives that bring a folder of this name along
        with disk_faults(target):
            (inside if inside.is_dir() and len(list(part.iterdir())) == 1 else part).rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {}


def sha256_of(path: Path) -> str:
    """The hash of a file's contents."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
