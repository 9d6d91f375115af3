"""The parameter file of AlphaFold 3: named arrays one after the other, perhaps packed, perhaps in several files.

A record is five little-endian int32 (lengths of scope, name and type, number of axes, bytes of the array), then scope,
name and type as text, the shape, and the array. There is no index and no check sum. Arrays are named `scope//name`.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write

IDENTIFIER = "__meta__//__identifier__"  # 64 bytes that name the release; no parameter
BFLOAT16 = "bfloat16"  # unknown to numpy: its bytes are the upper half of a float32's
_HEADER = struct.Struct("<5i")
_TYPES = {name: np.dtype(name).newbyteorder("<") for name in ("float32", "float16", "float64", "uint8", "int32")}
_LONGEST_NAME = 4096
_MOST_AXES = 8
_ZSTD = b"\x28\xb5\x2f\xfd"
_PART = re.compile(r"(?P<before>.*)\.(?P<number>\d+)(?P<after>\.bin(\.zst)?)|(?P<whole>.*\.bin(\.zst)?)\.(?P<last>\d+)")
_REMEDY = "Give the AlphaFold 3 parameter file (af3.bin or af3.bin.zst), whole, as Google DeepMind sent it."


@dataclass(frozen=True, eq=False)
class Record:
    """One array of the file and the type it is stored as; bfloat16 is read as float32, which holds it exactly."""

    key: str
    stored: str
    array: np.ndarray


def read_records(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of a parameter file by `scope//name`, the identifier of the release left out.

    Any of the parts stands for a file that is split; a folder for the one parameter file in it.

    Raises:
        InputError: no such file, one that is damaged, cut short or incomplete, or packed with nothing here to unpack.
    """
    return {record.key: record.array for record in iterate_records(path) if record.key != IDENTIFIER}


def iterate_records(path: str | Path) -> Iterator[Record]:
    """The records in the order of the file, one in memory at a time; see `read_records`."""
    files = parts(path)
    with _opened(files) as stream:
        seen = set()
        while (record := _read_record(stream, files[0])) is not None:
            if record.key in seen:
                raise InputError(f"{record.key} is there twice.", file=files[0], remedy=_REMEDY)
            seen.add(record.key)
            yield record
        if not seen:
            raise InputError("the file is empty.", file=files[0], remedy=_REMEDY)


def write_records(path: str | Path, arrays: Mapping[str, np.ndarray], stored: Mapping[str, str] | None = None) -> None:
    """Write arrays by `scope//name` as a parameter file, each in its own type or in the one that `stored` gives it.

    A name that ends in .zst packs the file. Values stored as bfloat16 are rounded to the nearest, ties to even.

    Raises:
        InputError: the place cannot be written, or nothing is here to pack with.
    """
    stored = stored or {}
    packer = _zstandard(path).ZstdCompressor() if Path(path).suffix == ".zst" else None
    with atomic_write(path, "wb") as file, ExitStack() as stack:
        out = stack.enter_context(packer.stream_writer(file, closefd=False)) if packer else file
        for key, array in arrays.items():
            for piece in _encoded(key, array, stored.get(key, array.dtype.name)):
                out.write(piece)


def parts(path: str | Path) -> list[Path]:
    """The files that together make the parameter file that `path` stands for, in their order.

    Raises:
        InputError: there is none, or numbers are missing between them.
    """
    path = _in_folder(Path(path)) if Path(path).is_dir() else Path(path)
    if not path.is_file():
        raise InputError("there is no such file.", file=path, remedy=_REMEDY)
    if (match := _PART.fullmatch(path.name)) is None:
        return [path]
    pattern = _same_file(match)
    found = sorted(other for other in path.parent.iterdir() if pattern.fullmatch(other.name))
    numbers = sorted(_number(other) for other in found)
    missing = sorted(set(range(min(numbers[0], 1), numbers[-1] + 1)) - set(numbers))
    if missing:
        message = f"part {missing[0]} is missing; {len(found)} parts are here, the last with number {numbers[-1]}."
        raise InputError(message, file=path, remedy=_REMEDY)
    return found


def _in_folder(folder: Path) -> Path:
    """The parameter file, or the first part of it, in a folder."""
    named = re.compile(r".*\.bin(\.zst)?(\.\d+)?")
    found = sorted(path for path in folder.iterdir() if named.fullmatch(path.name))
    if not found:
        raise InputError("no parameter file (.bin, .bin.zst) is in this folder.", file=folder, remedy=_REMEDY)
    files = {parts(path)[0] for path in found}
    if len(files) > 1:
        names = ", ".join(sorted(path.name for path in files))
        raise InputError(f"{len(files)} parameter files are in this folder: {names}.", file=folder, remedy=_REMEDY)
    return files.pop()


def _same_file(match: re.Match[str]) -> re.Pattern[str]:
    """What the names of the other parts look like."""
    if match["whole"]:
        return re.compile(re.escape(match["whole"]) + r"\.\d+")
    return re.compile(re.escape(match["before"]) + r"\.\d+" + re.escape(match["after"]))


def _number(part: Path) -> int:
    match = _PART.fullmatch(part.name)
    assert match is not None
    return int(match["number"] or match["last"])


class _Joined(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, files: Iterable[io.BufferedReader]):
        self.files = list(files)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while self.files:
            if count := self.files[0].readinto(buffer):
                return count
            self.files.pop(0)
        return 0


@contextmanager
def _opened(files: list[Path]) -> Iterator[io.BufferedIOBase]:
    """The bytes of all parts in one stream, unpacked where they are packed."""
    with ExitStack() as stack:
        opened = [stack.enter_context(file.open("rb")) for file in files]
        stream = io.BufferedReader(_Joined(opened), 1 << 20)
        if stream.peek(4)[:4] != _ZSTD:
            yield stream
            return
        zstandard = _zstandard(files[0])
        unpacked = zstandard.ZstdDecompressor().stream_reader(stream, read_size=1 << 20, read_across_frames=True)
        try:
            yield io.BufferedReader(unpacked, 1 << 20)
        except zstandard.ZstdError as error:
            raise InputError(f"the file cannot be unpacked: {error}.", file=files[0], remedy=_REMEDY) from error


def _zstandard(path: str | Path):
    try:
        import zstandard
    except ImportError as error:
        remedy = "Install it (pip install zstandard), or unpack the file with `zstd -d` first."
        raise InputError("reading and writing .zst needs the package zstandard.", file=path, remedy=remedy) from error
    return zstandard


def _read_record(stream: io.BufferedIOBase, file: Path) -> Record | None:
    """The next record; None at the end."""
    header = stream.read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise _cut_short(file, "a record that begins at its end")
    scope_length, name_length, type_length, axes, size = _HEADER.unpack(header)
    lengths = (scope_length, name_length, type_length)
    if min(lengths) < 0 or max(lengths) > _LONGEST_NAME or not 0 <= axes <= _MOST_AXES or size < 0:
        raise InputError("this is no AlphaFold 3 parameter file, or it is damaged.", file=file, remedy=_REMEDY)
    scope, name, stored = (_text(stream, length, file) for length in lengths)
    key = f"{scope}//{name}"
    shape = struct.unpack(f"<{axes}i", _exactly(stream, 4 * axes, file, key))
    return Record(key, stored, _read_array(stream, stored, shape, size, file, key))


def _text(stream: io.BufferedIOBase, length: int, file: Path) -> str:
    raw = _exactly(stream, length, file, "the name of a record")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InputError("this is no AlphaFold 3 parameter file.", file=file, remedy=_REMEDY) from error


def _exactly(stream: io.BufferedIOBase, count: int, file: Path, what: str) -> bytes:
    raw = stream.read(count)
    if len(raw) < count:
        raise _cut_short(file, what)
    return raw


def _read_array(
    stream: io.BufferedIOBase, stored: str, shape: tuple[int, ...], size: int, file: Path, key: str
) -> np.ndarray:
    if stored not in _TYPES and stored != BFLOAT16:
        raise InputError(f'{key} is of the unknown type "{stored}".', file=file, remedy=_REMEDY)
    raw_type = np.dtype("<u2") if stored == BFLOAT16 else _TYPES[stored]
    if min(shape, default=0) < 0 or prod(shape) * raw_type.itemsize != size:
        message = f"{key} is said to have the shape {shape} of {stored} and {size:,} bytes."
        raise InputError(message, file=file, remedy=_REMEDY)
    array = np.empty(shape, raw_type)
    view, filled = array.reshape(-1).view(np.uint8).data, 0
    while filled < size:
        if not (count := stream.readinto(view[filled:])):
            raise _cut_short(file, key)
        filled += count
    return widened(array) if stored == BFLOAT16 else array


def _cut_short(file: Path, what: str) -> InputError:
    return InputError(f"the file ends within {what}.", file=file, remedy=_REMEDY)


def _encoded(key: str, array: np.ndarray, stored: str) -> Iterator[bytes | memoryview]:
    scope, name = key.split("//")
    to_bytes: Callable[[np.ndarray], np.ndarray] = (
        narrowed if stored == BFLOAT16 else lambda x: x.astype(_TYPES[stored])
    )
    raw = np.ascontiguousarray(to_bytes(array))
    texts = [text.encode() for text in (scope, name, stored)]
    yield _HEADER.pack(*map(len, texts), array.ndim, raw.nbytes)
    yield b"".join(texts) + struct.pack(f"<{array.ndim}i", *array.shape)
    yield raw.reshape(-1).view(np.uint8).data


def widened(bits: np.ndarray) -> np.ndarray:
    """The float32 that the bits of bfloat16, as uint16, stand for."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def narrowed(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16, as uint16, ties to even."""
    rounded = torch.from_numpy(np.array(values, np.float32)).bfloat16()
    return rounded.view(torch.int16).numpy().view(np.uint16)
