"""The bytes of a text file as lines, whatever machine or compressor they came from."""

import gzip
import zlib
from pathlib import Path

from foldwright.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_CONTROL = bytes(sorted(set(range(32)) - set(b"\t\n\v\f\r")))  # no text holds these


def read_lines(path: str | Path) -> list[str]:
    """The lines of a file without their ends; a gzip file is unpacked on the way.

    Raises InputError if the file is missing, empty, binary, cut short or not UTF-8.
    """
    data = _without_separators(_unpacked(path))
    if not data.strip():
        raise InputError("the file is empty.", file=path, remedy="Was it written completely?")
    if data.translate(None, _CONTROL) != data:
        line = _line_of(data, next(i for i, byte in enumerate(data) if byte in _CONTROL))
        raise InputError("this is a binary file, not text.", file=path, line=line, remedy="Give plain text or gzip.")
    try:
        return data.decode("utf-8-sig").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8 text.",
            file=path,
            line=_line_of(data, error.start),
            remedy="Save the file as UTF-8, or remove the accented letters.",
        ) from error


def suffix(path: Path) -> str:
    """What kind of file the name promises, in lower case: `.a3m` for `X.A3M.gz`."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def stem(path: Path) -> str:
    """The file name without its kind: `kinase` for `kinase.a3m.gz`."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem


def _unpacked(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError("the gzip file is damaged or cut short.", file=path, remedy="Fetch it again.") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.", file=path, remedy="Check the path.") from error


def _without_separators(data: bytes) -> bytes:
    """Line ends made Unix, and the NUL bytes removed that MMseqs2 writes between and after entries."""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n\0", b"\n").rstrip(b"\0") if b"\0" in data else data


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
