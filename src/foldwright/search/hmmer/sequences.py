"""A FASTA database read in shards, so that memory is bounded by a shard and never by the database."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pyhmmer.easel import Alphabet, DigitalSequenceBlock, SequenceFile

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.cache_folder import cache_folder
from foldwright.search.hmmer.packed import WHITE, Packed, headers_of, pack, read_text

ALPHABETS = {"amino": Alphabet.amino, "rna": Alphabet.rna, "dna": Alphabet.dna}
SHARD_BYTES = 32 << 20
_BYTES_OF_SEQUENCE = 1000  # what Easel keeps of a sequence beside its residues
_COPIES = 4  # of a packed shard's text while it is packed: text, records, letters, codes
_READ = 1 << 20  # counted at a time: what is read stays in the cache
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Size:
    """What a database holds: the Z of its E-values. `sha256` is of the text, unpacked."""

    sequences: int
    residues: int
    sha256: str


class SequenceShards:
    """The sequences of a FASTA file (gzip or plain), so many at a time that they take about `shard_bytes`.

    Raises InputError if the file is missing, and when it is counted or read if it is empty, no FASTA, or holds a letter
    that the alphabet does not know.
    """

    def __init__(self, path: str | Path, shard_bytes: int = SHARD_BYTES, alphabet: str = "amino"):
        self.path = Path(path)
        if shard_bytes <= 0:
            raise InputError(f"{shard_bytes} is no size.", field="shard_bytes", remedy="Give a number of bytes.")
        self.shard_bytes = shard_bytes
        self.alphabet = ALPHABETS[alphabet]()
        _stamp(self.path)
        self._whole: DigitalSequenceBlock | None = None
        self._whole_packed: Packed | None = None

    @cached_property
    def size(self) -> Size:
        """What the whole database holds."""
        return measure(self.path)

    def __iter__(self) -> Iterator[DigitalSequenceBlock]:
        """Shards in the order of the file; a database that fits into one is read once only."""
        if self._whole is not None:
            yield self._whole
            return
        for shard in self._read():
            if len(shard) == self.size.sequences:
                self._whole = shard
            yield shard

    def packed(self) -> Iterator[Packed | DigitalSequenceBlock]:
        """Shards that can be screened, in the order of the file; one with anything but letters is read by HMMER."""
        if self._whole_packed is not None:
            yield self._whole_packed
            return
        for text in _texts(self.path, self.shard_bytes // _COPIES):
            shard = pack(text, self.alphabet)
            if shard is None:
                shard = self._easel(text)
            if isinstance(shard, Packed) and len(shard) == self.size.sequences:
                self._whole_packed = shard
            yield shard

    def _easel(self, text: bytes) -> DigitalSequenceBlock:
        try:
            return read_text(text, self.alphabet)
        except ValueError as error:
            for _ in self._read():  # for the line that it names, counted from the beginning of the file
                pass
            raise self._unreadable(error) from error

    def _read(self) -> Iterator[DigitalSequenceBlock]:
        limits = {"sequences": max(1, self.shard_bytes // _BYTES_OF_SEQUENCE), "residues": self.shard_bytes // 2}
        try:
            with SequenceFile(str(self.path), format="fasta", digital=True, alphabet=self.alphabet) as file:
                while shard := file.read_block(**limits):
                    yield shard
        except (ValueError, OSError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        remedy = "Is this the FASTA file of the right kind of molecule, and was it written completely?"
        return InputError(f"cannot be read as sequences: {error}.", file=self.path, remedy=remedy)


def measure(path: str | Path, beside: bool = False) -> Size:
    """How much the file holds, counted once and again only when the file has changed.

    The count is kept in the cache folder, or with `beside` next to the file, where everyone who reads it finds it.
    """
    path = Path(path)
    stamp = _stamp(path)
    next_to_it, in_cache = _places(path)
    for place in (next_to_it, in_cache):
        if (size := _kept(place, stamp)) is not None:
            return size
    size = _count(path)
    with suppress(InputError), atomic_write(next_to_it if beside else in_cache) as file:  # else it is counted again
        json.dump({**stamp, **asdict(size)}, file)
    return size


def _places(path: Path) -> tuple[Path, Path]:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return path.with_name(f"{path.name}.size.json"), cache_folder() / "sizes" / f"{name}.json"


def _stamp(path: Path) -> dict[str, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}.", file=path, remedy="Check the path.") from error
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _kept(place: Path, stamp: dict[str, int]) -> Size | None:
    try:
        kept = json.loads(place.read_text())
        return Size(**{key: kept[key] for key in Size.__annotations__}) if stamp.items() <= kept.items() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _count(path: Path) -> Size:
    """One pass over the text, a megabyte at a time."""
    digest = hashlib.sha256()
    sequences = residues = 0
    try:
        for text in _texts(path, _READ):
            interrupts.check()
            digest.update(text)
            begins, ends = headers_of(text)
            headers = [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
            sequences += len(headers)
            residues += sum(
                sign * len(part.translate(None, WHITE)) for sign, part in ((1, text), (-1, b"".join(headers)))
            )
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read: {error}.", file=path, remedy="Was it fetched completely?") from error
    if not sequences:
        raise InputError("the file holds no sequences.", file=path, remedy="Give a FASTA file.")
    return Size(sequences, residues, digest.hexdigest())


def _texts(path: Path, size: int) -> Iterator[bytes]:
    """The text of a file, packed or plain, about so many bytes at a time and cut before headers."""
    with path.open("rb") as raw:
        is_packed = raw.read(2) == _GZIP_MAGIC
    rest = b""
    with gzip.open(path) if is_packed else path.open("rb") as file:
        while text := file.read(max(1, size)):
            cut = len(text) if len(text) < size else text.rfind(b"\n>") + 1
            if cut:
                yield b"".join((rest, memoryview(text)[:cut]))
            rest = text[cut:] if cut else rest + text
    if rest:
        yield rest
