"""Text files as AlphaFold 3 takes them beside its jobs: plain, or packed with gzip, xz or zstd."""

from __future__ import annotations

import gzip
import lzma
import zlib
from pathlib import Path

from foldwright.errors import InputError

_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"


def read_packed_text(path: Path) -> str:
    """The text of a file, unpacked as its first bytes say. Raises InputError if it cannot be read or is no UTF-8."""
    try:
        data = _unpacked(path.read_bytes(), path)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(
            "the file is not UTF-8 text.", file=path, remedy="Give plain text, gzip, xz or zstd."
        ) from error
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError("the packed file is damaged or cut short.", file=path, remedy="Fetch it again.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read: {reason}.", file=path, remedy="Check the path.") from error


def _unpacked(data: bytes, path: Path) -> bytes:
    if data.startswith(_GZIP):
        return gzip.decompress(data)
    if data.startswith(_XZ):
        return lzma.decompress(data)
    return _from_zstd(data, path) if data.startswith(_ZSTD) else data


def _from_zstd(data: bytes, path: Path) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        remedy = 'Run: pip install "foldwright[af3]", or unpack the file.'
        raise InputError("the file is packed with zstd.", file=path, remedy=remedy) from error
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except zstandard.ZstdError as error:
        raise InputError("the packed file is damaged or cut short.", file=path, remedy="Fetch it again.") from error
