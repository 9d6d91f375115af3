"""Sequences of unknown structure, read one by one so that a bad one costs no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foldwright.errors import InputError
from foldwright.features.af2 import ChainFeatures
from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.fasta import check_sequence, parse_fasta
from foldwright.io.text import read_lines, stem, suffix
from foldwright.training.data.rows import subsampled

FASTA = (".fasta", ".fa", ".faa", ".fas")
A3M = (".a3m",)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which sequences are worth predicting; the defaults are those of AF2 Suppl. 1.3."""

    min_length: int = 200  # residues
    max_length: int = 1024
    min_depth: int = 200  # rows of the alignment

    def refusal(self, sequence: str, depth: int) -> str | None:
        """Why this one is not wanted, or None."""
        if not self.min_length <= len(sequence) <= self.max_length:
            return f"{len(sequence)} residues, not {self.min_length} to {self.max_length}"
        return f"{depth} rows, fewer than {self.min_depth}" if depth < self.min_depth else None


@dataclass(frozen=True)
class Unlabelled:
    """A sequence and its relatives."""

    name: str
    alignment: Alignment

    @property
    def sequence(self) -> str:
        return self.alignment.query

    @property
    def features(self) -> ChainFeatures:
        """What a network is given of it."""
        return ChainFeatures(self.sequence, self.alignment)

    @property
    def key(self) -> str:
        """Names the sequence and its alignment, whatever file they came from."""
        digest = hashlib.sha256()
        for row in (self.name, *self.alignment.sequences):
            digest.update(row.encode() + b"\n")
        return digest.hexdigest()[:24]

    def subsampled(self, max_rows: int, rng: np.random.Generator) -> Unlabelled:
        """The query and rows drawn without replacement, `max_rows` in all."""
        return Unlabelled(self.name, subsampled(self.alignment, max_rows, rng))


@dataclass(frozen=True)
class Refused:
    """A sequence that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class UnlabelledFiles:
    """Every sequence of FASTA files, A3M files and folders of these, in order of their names; read when iterated.

    A sequence that stands as a row in the alignment of an earlier one is left out (AF2 Suppl. 1.3), as are those not
    wanted, and those that cannot be read.
    """

    sources: Sequence[Path]
    wanted: Wanted

    def __post_init__(self):
        """Raises InputError if a source does not exist, or holds no file of these kinds."""
        self.files()

    def files(self) -> list[Path]:
        """Those that are read."""
        return [file for source in self.sources for file in _files(source)]

    def __iter__(self) -> Iterator[Unlabelled | Refused]:
        return _first_of_relatives(one for file in self.files() for one in _read(file, self.wanted))


def _first_of_relatives(found: Iterable[Unlabelled | Refused]) -> Iterator[Unlabelled | Refused]:
    relatives: set[int] = set()  # hashes: the rows themselves may be many times the memory
    names: set[str] = set()
    for one in found:
        if isinstance(one, Refused):
            yield one
        elif hash(one.sequence) in relatives:
            yield Refused(one.name, "stands in the alignment of an earlier sequence")
        elif one.name in names:
            yield Refused(one.name, "another sequence has this name")
        else:
            names.add(one.name)
            relatives.update(hash(row.replace("-", "")) for row in one.alignment.sequences)
            yield one


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError("there is no such file or folder.", file=source, field="SOURCE", remedy="Check the path.")
    found = sorted(file for file in source.rglob("*") if suffix(file) in (*FASTA, *A3M))
    if not found:
        kinds = ", ".join((*FASTA, *A3M))
        raise InputError("the folder holds no sequences.", file=source, remedy=f"Files end in {kinds}, or these .gz.")
    return found


def _read(file: Path, wanted: Wanted) -> Iterator[Unlabelled | Refused]:
    try:
        found = [_alignment(file)] if suffix(file) in A3M else _records(file)
    except InputError as error:
        found = [Refused(file.name, str(error))]
    for one in found:
        reason = None if isinstance(one, Refused) else wanted.refusal(one.sequence, len(one.alignment))
        yield Refused(one.name, reason) if reason else one


def _alignment(file: Path) -> Unlabelled:
    return Unlabelled(stem(file), read_a3m(file))


def _records(file: Path) -> list[Unlabelled | Refused]:
    found: list[Unlabelled | Refused] = []
    lines = read_lines(file)
    for record in parse_fasta(lines, file):
        try:
            check_sequence(record.sequence, record, lines, file)
        except InputError as error:
            found.append(Refused(record.name, str(error)))
        else:
            found.append(Unlabelled(record.name, Alignment.of_query(record.sequence, record.description)))
    return found
