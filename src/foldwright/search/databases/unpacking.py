"""Streams of unpacked bytes: gzip, Zstandard or neither."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast, runtime_checkable

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.download import disk_faults

CHUNK = 1 << 22
Progress = Callable[[int], None]  # unpacked bytes so far


@runtime_checkable
class Source(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


@runtime_checkable
class Sink(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> int: ...


def check_unpacker(names: Sequence[str]) -> None:
    """Raises InputError if a file of such a name cannot be unpacked on this machine."""
    if any(name.endswith(".zst") for name in names) and not _has_zstd():
        remedy = "Install it: `sudo apt install zstd`, `conda install zstd`, or `pip install zstandard`."
        raise InputError("nothing here unpacks Zstandard (.zst).", remedy=remedy)


def _has_zstd() -> bool:
    from importlib.util import find_spec

    return sys.version_info >= (3, 14) or shutil.which("zstd") is not None or find_spec("zstandard") is not None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """What a file holds, unpacked as its name says.

    Raises InputError if it is damaged.
    """
    try:
        with _stream(path) as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as fault:
        remedy = "Delete it and fetch it again."
        raise InputError(f"this file cannot be unpacked: {fault}.", file=path, remedy=remedy) from fault


def _stream(path: Path) -> Any:
    if path.name.endswith(".gz"):
        return gzip.open(path)
    return _zstandard(path) if path.name.endswith(".zst") else path.open("rb")


def _zstandard(path: Path) -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd  # pyright: ignore[reportMissingImports]

        return zstd.open(path)
    if shutil.which("zstd"):
        return _program(["zstd", "--decompress", "--stdout", "--quiet", str(path)], path)
    import zstandard  # pyright: ignore[reportMissingImports]

    return zstandard.open(path, "rb")


@contextmanager
def _program(command: list[str], path: Path) -> Iterator[IO[bytes]]:
    """What a program writes; it must end well once it was read to the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield process.stdout
            drain(process.stdout)
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            said = process.stderr.read().decode(errors="replace").strip()
            remedy = "Delete it and fetch it again."
            raise InputError(f"this file cannot be unpacked: {said}.", file=path, remedy=remedy)


def copy(source: Source, target: Sink, done: int, progress: Progress) -> int:
    """Append one stream to another, hearing Ctrl-C; returns how many bytes there are now."""
    while chunk := source.read(CHUNK):
        interrupts.check()
        target.write(chunk)
        done += len(chunk)
        progress(done)
    return done


def drain(stream: Source) -> None:
    """Read on to the end, where the check sums are."""
    while stream.read(CHUNK):
        interrupts.check()


def extract(archive: Path, folder: Path, progress: Progress) -> None:
    """The regular files of a tar into a folder; what leads outside is refused."""
    done = 0
    folder.mkdir(parents=True, exist_ok=True)
    with disk_faults(folder), opened(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            interrupts.check()
            extract_member(tar, member, folder)
            done += member.size
            progress(done)
        drain(stream)


def extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One member below the folder, by tarfile's own guard where Python has it (3.11.4); else plain files alone.

    Raises:
        tarfile.TarError: it leads outside, or is neither a file nor a folder.
    """
    if hasattr(tarfile, "data_filter"):
        return tar.extract(member, folder, filter="data")
    target = folder / member.name.lstrip("/")
    if not target.resolve().is_relative_to(folder.resolve()) or not (member.isreg() or member.isdir()):
        raise tarfile.ExtractError(f"{member.name} is no plain file below its folder")
    if member.isdir():
        return target.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(cast(IO[bytes], tar.extractfile(member)), file)
