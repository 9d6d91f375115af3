"""Alignments found for chains: by the chain's name or by its sequence, and cut to its residues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.text import read_lines, stem, suffix
from foldwright.training.data.stamps import stamp

MAX_ROWS = 10_000  # as many as AlphaFold 2 keeps of its largest search, AF2 Suppl. 1.2.2
MIN_IDENTITY = 0.9  # of an alignment's query to the chain it is used for


@dataclass(frozen=True)
class Place:
    """Where an alignment stands: a whole file, or some lines of one that holds many."""

    path: Path
    start: int
    stop: int

    def read(self) -> Alignment:
        """Raises InputError if these lines are no alignment."""
        return parse_a3m(_lines(self.path)[self.start : self.stop], self.path)


class Library:
    """All alignments below some folders, by the name of the chain and by the query."""

    def __init__(self, paths: Sequence[Path]):
        """Raises InputError if a path holds no alignment."""
        self.files = [file for path in paths for file in alignment_files(path)]
        self.identity = [stamp(file) for file in self.files]
        self.by_name: dict[str, list[Place]] = {}
        self.by_query: dict[str, list[Place]] = {}
        self.unreadable: dict[str, str] = {}

    def look(self) -> None:
        """Read the first row of every alignment; a file that cannot be read is named in `unreadable`."""
        for file in self.files:
            self._add(file)

    def of(self, name: str, sequence: str) -> Alignment | None:
        """All rows known for a chain, each once; None if there is nothing but the chain itself."""
        places = dict.fromkeys([*self.by_name.get(name, ()), *self.by_query.get(sequence, ())])
        fitted = [fit(self._read(place), sequence) for place in places]
        found = [Alignment.of_query(sequence), *(rows for rows in fitted if rows is not None)]
        rows = Alignment.concatenate(found).unique()
        return None if len(rows) == 1 else rows.rows(range(min(len(rows), MAX_ROWS)))

    def _add(self, file: Path) -> None:
        try:
            for name, query, place in _entries(file):
                self.by_name.setdefault(name, []).append(place)
                self.by_query.setdefault(query, []).append(place)
        except InputError as error:
            self.unreadable[str(file)] = error.message

    def _read(self, place: Place) -> Alignment | None:
        try:
            return place.read()
        except InputError as error:
            self.unreadable[str(place.path)] = error.message
            return None


def alignment_files(path: Path) -> list[Path]:
    """The A3M files of a folder and the folders in it, or the file itself.

    Raises:
        InputError: there is none.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and suffix(p) == ".a3m")
    if not files:
        raise InputError("no alignment is here.", file=path, remedy="Give .a3m or .a3m.gz files or their folder.")
    return files


def fit(alignment: Alignment | None, sequence: str) -> Alignment | None:
    """The columns of the query that are the chain's residues; None if the two are not the same protein.

    Residues the query lacks have gaps in every row but the first, which is the chain's own sequence.
    """
    if alignment is None or alignment.query == sequence:
        return alignment
    start = alignment.query.find(sequence)
    if start >= 0:
        return alignment.columns(start, start + len(sequence))
    columns = matching_columns(alignment.query, sequence)
    return None if columns is None else _laid_over(alignment, sequence, columns)


def matching_columns(query: str, sequence: str) -> np.ndarray | None:
    """For every residue of the sequence its place in the query, -1 where it has none; None below `MIN_IDENTITY`."""
    scoring = gemmi.AlignmentScoring()
    result = gemmi.align_string_sequences(list(query), list(sequence), [], scoring)
    columns, at_query, at_sequence = np.full(len(sequence), -1), 0, 0
    for count, move in _moves(result.cigar_str()):
        if move == "M":
            columns[at_sequence : at_sequence + count] = np.arange(at_query, at_query + count)
        at_query += count * (move != "D")
        at_sequence += count * (move != "I")
    same = sum(column >= 0 and query[column] == letter for column, letter in zip(columns, sequence, strict=True))
    return columns if same >= MIN_IDENTITY * len(sequence) else None


def _laid_over(alignment: Alignment, sequence: str, columns: np.ndarray) -> Alignment:
    is_present = columns >= 0
    letters = np.full((len(alignment), len(sequence)), ord("-"), np.uint8)
    deletions = np.zeros(letters.shape, np.int32)
    letters[:, is_present] = alignment.letters[:, columns[is_present]]
    deletions[:, is_present] = _deletions_before(alignment, columns[is_present])
    letters[0], deletions[0] = np.frombuffer(sequence.encode("ascii"), np.uint8), 0
    return Alignment.of_letters(letters, deletions, alignment.descriptions)


def _deletions_before(alignment: Alignment, columns: np.ndarray) -> np.ndarray:
    """Residues of each row between one kept column and the next, those in columns that are left out included."""
    is_dropped = ~np.isin(np.arange(alignment.letters.shape[1]), columns)
    lost = alignment.deletions + ((alignment.letters != ord("-")) & is_dropped)
    total = np.cumsum(lost, axis=1)[:, columns]
    return np.concatenate([alignment.deletions[:, columns[:1]], np.diff(total, axis=1)], axis=1)


def _moves(cigar: str) -> Iterator[tuple[int, str]]:
    count = ""
    for letter in cigar:
        if letter.isdigit():
            count += letter
        else:
            yield int(count), letter
            count = ""


def _entries(file: Path) -> Iterator[tuple[str, str, Place]]:
    """Name, query and place of every alignment of a file.

    A file that holds many has a line `#name<TAB>depth` before each.
    """
    lines = _lines(file)
    starts = [i for i, line in enumerate(lines) if line.startswith("#") and "\t" in line]
    if not starts:
        yield stem(file).split("__")[0], _first_sequence(lines, 0, file), Place(file, 0, len(lines))
        return
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        name = lines[start][1:].split("\t")[0]
        yield name, _first_sequence(lines, start, file), Place(file, start + 1, stop)


def _first_sequence(lines: Sequence[str], start: int, file: Path) -> str:
    header = next((i for i in range(start, len(lines)) if lines[i].startswith(">")), None)
    if header is None:
        raise InputError("no row begins here.", file=file, line=start + 1, remedy='Begin each row with ">name".')
    stop = next((i for i in range(header + 1, len(lines)) if lines[i].startswith((">", "#"))), len(lines))
    return "".join(lines[header + 1 : stop]).replace(" ", "")


@lru_cache(maxsize=2)
def _lines(path: Path) -> list[str]:
    return read_lines(path)
