"""FASTA files as jobs: what a record's header says, and where its letters stand."""

from __future__ import annotations

from collections.abc import Sequence

from foldwright.io.complexes.fields import Faults, Field
from foldwright.io.complexes.positions import Located
from foldwright.io.fasta import Record


def header_field(record: Record, faults: Faults) -> Field:
    """The header line."""
    return Field(Located(record.description, record.line, 1), "header", faults)


def lines_below(record: Record, lines: Sequence[str]) -> list[str]:
    """The lines up to the next header, as they stand."""
    following = lines[record.line :]
    end = next((i for i, line in enumerate(following) if line.startswith(">")), len(following))
    return list(following[:end])


def letters_field(record: Record, lines: Sequence[str], faults: Faults) -> Field:
    """The letters below it; of each the line and column are known unless lines hold spaces."""
    below = lines_below(record, lines)
    shift = None if any(len(line.split()) > 1 or line != line.strip() for line in below) else 0
    wrapped = tuple(map(len, below))
    return Field(Located(record.sequence, record.line + 1, 1, shift, wrapped=wrapped), "sequence", faults)


def parts_of(record: Record) -> list[str]:
    """What stands between the bars of a header."""
    return [part.strip() for part in record.description.split("|")]
