"""Text files that may be packed with zstandard, xz or gzip, told apart by their first bytes."""

from __future__ import annotations

import gzip
import lzma
import zlib
from pathlib import Path
from types import ModuleType

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write

ZST = ".zst"
_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"


def read_packed(path: str | Path) -> str:
    """The text of a file.

    Raises:
        InputError: the file is missing, damaged or no UTF-8 text, or it needs a library that is not installed.
    """
    try:
        return _unpacked(Path(path).read_bytes()).decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.", file=path, remedy="Check the path.") from error
    except (EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError, ValueError) as error:
        raise InputError("the file is damaged or cut short.", file=path, remedy="Copy it again.") from error


def write_packed(path: Path, text: str) -> Path:
    """Write a text, whole or not at all; packed with zstandard if the name says so."""
    data = text.encode()
    with atomic_write(path, "wb") as file:
        file.write(zstandard().ZstdCompressor().compress(data) if path.suffix == ZST else data)
    return path


def zstandard() -> ModuleType:
    """The library that packs and unpacks .zst files.

    Raises:
        InputError: it is not installed.
    """
    try:
        import zstandard
    except ImportError:
        raise InputError(
            "zstandard is not installed, which .zst files need.", remedy='`pip install "foldwright[af3]"` gets it.'
        ) from None
    return zstandard


def _unpacked(data: bytes) -> bytes:
    if data.startswith(_ZSTD):
        library = zstandard()
        stream = library.ZstdDecompressor().decompressobj()
        try:
            content = stream.decompress(data)
        except library.ZstdError as error:
            raise ValueError(str(error)) from error
        if not stream.eof:
            raise ValueError("cut short")
        return content
    if data.startswith(_XZ):
        return lzma.decompress(data)
    return gzip.decompress(data) if data.startswith(_GZIP) else data
