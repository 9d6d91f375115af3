"""FASTA: names and sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.text import read_lines

RESIDUE_LETTERS = frozenset("ACDEFGHIKLMNPQRSTVWYX")  # the 20 amino acids, X where the residue is not known
_COMMENTS = ("#", ";")
_REMEDY_FOR = {
    "*": "Remove the stop.",
    "-": "Remove the gaps, or name the file .a3m if it is an alignment.",
    "U": "Write C for selenocysteine, or X.",
    "O": "Write K for pyrrolysine, or X.",
    "B": "Write D or N, or X.",
    "Z": "Write E or Q, or X.",
    "J": "Write I or L, or X.",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a FASTA file. `description` is the whole header, `name` its first word, `line` where it stands."""

    name: str
    description: str
    sequence: str
    line: int


def read_fasta(path: str | Path) -> list[Record]:
    """The records of a protein FASTA file (gzip or plain), each checked.

    Raises InputError naming the line if a record is empty or holds anything but the 20 amino acids and X.
    """
    lines = read_lines(path)
    records = parse_fasta(lines, path)
    for record in records:
        check_sequence(record.sequence, record, lines, path)
    return records


def parse_fasta(lines: Sequence[str], file: str | Path | None = None) -> list[Record]:
    """Records with their wrapped lines joined and blanks removed; the letters are not looked at."""
    starts = [i for i, line in enumerate(lines) if line.startswith(">")]
    before = lines[: starts[0]] if starts else lines
    for number, line in enumerate(before, 1):
        if line.strip() and not line.startswith(_COMMENTS):
            raise InputError(
                "text stands before the first header.", file=file, line=number, remedy='Begin each record with ">name".'
            )
    if not starts:
        raise InputError("the file holds no record.", file=file, remedy='Begin each record with ">name".')
    return [_record(lines, start, end) for start, end in pairwise([*starts, len(lines)])]


def check_sequence(sequence: str, record: Record, lines: Sequence[str], file: str | Path | None = None) -> None:
    """Refuse a query that is empty, in lower case, or holds a letter that is no amino acid.

    `sequence` is the record's, or one chain of it; the error names the line the letter stands on.
    """
    if not sequence:
        remedy = "Remove the record or add its sequence."
        raise InputError(f'record "{record.name}" has no residues.', file=file, line=record.line, remedy=remedy)
    bad = next((letter for letter in sequence if letter not in RESIDUE_LETTERS), None)
    if bad is None:
        return
    line = line_of_letter(lines, record.line, record.sequence.index(bad))
    if bad.islower():
        message, remedy = (
            f'record "{record.name}" is in lower case ("{bad}").',
            "Write the sequence in capital letters.",
        )
    else:
        message = f'record "{record.name}" holds "{bad}", which is none of the 20 amino acids.'
        remedy = _REMEDY_FOR.get(bad, "Write X for a residue that is not known.")
    raise InputError(message, file=file, line=line, field="sequence", remedy=remedy)


def line_of_letter(lines: Sequence[str], header_line: int, offset: int) -> int:
    """The line on which letter `offset` of the record that starts at `header_line` stands."""
    for number, line in enumerate(lines[header_line:], header_line + 1):
        offset -= len("".join(line.split()))
        if offset < 0:
            return number
    return header_line


def _record(lines: Sequence[str], start: int, end: int) -> Record:
    description = lines[start][1:].strip()
    name = description.split(maxsplit=1)[0] if description else ""
    sequence = "".join("".join(lines[start + 1 : end]).split())
    return Record(name, description, sequence, start + 1)
