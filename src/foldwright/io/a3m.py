"""A3M: aligned rows in which lower case marks residues that have no column in the query."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.fasta import Record, line_of_letter, parse_fasta
from foldwright.io.text import read_lines

_ILLEGAL, _COLUMN, _INSERTION, _PADDING = range(4)
_KIND = np.zeros(256, np.uint8)
_KIND[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ-")] = _COLUMN
_KIND[list(b"abcdefghijklmnopqrstuvwxyz")] = _INSERTION
_KIND[ord(".")] = _PADDING  # A2M writes these opposite the insertions of other rows
_BLOCK = 4096  # rows worked on at once: bounds the memory, not the result


def read_a3m(path: str | Path, query: str | None = None) -> Alignment:
    """The alignment of an A3M file (gzip or plain, wrapped or not; the NUL separators of MMseqs2 are skipped).

    Raises InputError naming the line if a row has another length, an unknown letter or none at all, or if the
    first row has gaps or lower case, or is not `query` when that is given.
    """
    return parse_a3m(read_lines(path), path, query)


def parse_a3m(lines: Sequence[str], file: str | Path | None = None, query: str | None = None) -> Alignment:
    """The alignment written on these lines; `file` is only for errors."""
    records = parse_fasta(lines, file)
    _check_query(records[0], lines, file)
    first = records[0]
    if query is not None and first.sequence != query:
        raise not_the_query(first.name, first.sequence, query, file=file, line=first.line + 1)
    num_columns = len(first.sequence)
    letters = np.empty((len(records), num_columns), np.uint8)
    deletions = np.empty((len(records), num_columns), np.int32)
    for start in range(0, len(records), _BLOCK):
        part = slice(start, start + _BLOCK)
        letters[part], deletions[part] = _align(records[part], num_columns, lines, file)
    return Alignment.of_letters(letters, deletions, [record.description for record in records])


def write_a3m(alignment: Alignment) -> str:
    """The aligned letters as A3M text. What was cut out is known by number only and stands as x."""
    rows = zip(alignment.descriptions, alignment.sequences, alignment.deletions, strict=True)
    return "".join(f">{name}\n{_with_insertions(row, deleted)}\n" for name, row, deleted in rows)


def _align(
    records: Sequence[Record], num_columns: int, lines: Sequence[str], file: str | Path | None
) -> tuple[UInt8[np.ndarray, "s n"], Int[np.ndarray, "s n"]]:
    """Letters and deletions of some rows, all at once."""
    lengths = np.array([len(record.sequence) for record in records])
    if not lengths.all():
        raise _no_letters(records[int(np.argmin(lengths))], file)
    text = np.frombuffer("".join(r.sequence for r in records).encode("ascii", "replace"), np.uint8)
    kind = _KIND[text]
    starts = np.cumsum(lengths) - lengths
    if (kind == _ILLEGAL).any():
        row = int(np.searchsorted(starts, np.argmin(kind), side="right")) - 1
        raise _unknown_letter(records[row], int(np.argmin(kind) - starts[row]), lines, file)
    counts = np.add.reduceat(kind == _COLUMN, starts, dtype=np.int64)
    if (counts != num_columns).any():
        row = int(np.argmax(counts != num_columns))
        raise _other_length(records[row], int(counts[row]), num_columns, file)
    seen = np.cumsum(kind == _INSERTION, dtype=np.int32)
    before_row = np.concatenate([[0], seen])[starts].astype(np.int32)
    at_columns = seen[kind == _COLUMN].reshape(len(records), num_columns)
    return text[kind == _COLUMN].reshape(at_columns.shape), np.diff(at_columns, axis=1, prepend=before_row[:, None])


def _check_query(record: Record, lines: Sequence[str], file: str | Path | None) -> None:
    sequence = record.sequence
    if not sequence:
        raise _no_letters(record, file)
    bad = next((i for i, letter in enumerate(sequence) if letter.islower() or letter in "-."), None)
    if bad is not None:
        what = "lower-case letters" if sequence[bad].islower() else "gaps"
        raise InputError(
            f'the first row "{record.name}" has {what}; it must be the query itself.',
            file=file,
            line=line_of_letter(lines, record.line, bad),
            remedy="Put the ungapped query in capital letters first (hhfilter and reformat.pl keep it there).",
        )


def _with_insertions(row: str, deletions: Int[np.ndarray, "n"]) -> str:
    if not deletions.any():
        return row
    return "".join("x" * int(count) + letter for count, letter in zip(deletions, row, strict=True))


def not_the_query(name: str, found: str, query: str, *, file: str | Path | None, line: int | None = None) -> InputError:
    """The error for an alignment that was made for another sequence; it says where the two begin to differ."""
    if len(found) != len(query):
        difference = f"it has {len(found)} residues, the query has {len(query)}"
    else:
        at = next(i for i, (a, b) in enumerate(zip(found, query, strict=True)) if a != b)
        difference = f"residue {at + 1} is {found[at]}, the query has {query[at]}"
    message = f'the first row "{name}" is not the query: {difference}.'
    return InputError(message, file=file, line=line, remedy="Was this alignment made for another sequence?")


def _no_letters(record: Record, file: str | Path | None) -> InputError:
    return InputError(f'row "{record.name}" is empty.', file=file, line=record.line, remedy="Remove it.")


def _unknown_letter(record: Record, offset: int, lines: Sequence[str], file: str | Path | None) -> InputError:
    return InputError(
        f'row "{record.name}" holds "{record.sequence[offset]}", which is neither a residue nor a gap.',
        file=file,
        line=line_of_letter(lines, record.line, offset),
        remedy="Rows may hold letters, - for a gap and lower case for insertions.",
    )


def _other_length(record: Record, found: int, expected: int, file: str | Path | None) -> InputError:
    return InputError(
        f'row "{record.name}" has {found} aligned columns, the query has {expected}.',
        file=file,
        line=record.line + 1,
        remedy="Rows of an A3M must have the query's length once lower-case insertions are removed. "
        "Was this file wrapped or edited?",
    )
