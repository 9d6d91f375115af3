"""Stockholm: what jackhmmer and hmmsearch write; rows over all columns, possibly in several blocks."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8

from foldwright.errors import InputError
from foldwright.io.a3m import not_the_query
from foldwright.io.alignment import Alignment
from foldwright.io.text import read_lines

_GAPS = b"-.~"


@dataclass(frozen=True)
class Stockholm:
    """The rows of a Stockholm file over every column, with the descriptions of its `#=GS ... DE` lines."""

    rows: dict[str, str]
    descriptions: dict[str, str]

    def alignment(self) -> Alignment:
        """Only the columns in which the first row, the query, has a residue."""
        letters = self._letters()
        is_residue = ~np.isin(letters, list(_GAPS))
        in_query = is_residue[0]
        return Alignment.of_letters(letters[:, in_query], _deletions(is_residue, in_query), list(self.rows))

    def a3m(self) -> str:
        """The same alignment as A3M text, with the descriptions in the headers."""
        letters = self._letters()
        in_query = ~np.isin(letters[0], list(_GAPS))
        rows = (_a3m_row(row, in_query) for row in letters)
        return "".join(
            f">{name} {self.descriptions.get(name, '')}\n{row}\n" for name, row in zip(self.rows, rows, strict=True)
        )

    def _letters(self) -> UInt8[np.ndarray, "s n"]:
        text = "".join(self.rows.values()).upper().encode("ascii")
        letters = np.frombuffer(text, np.uint8).reshape(len(self.rows), -1).copy()
        letters[np.isin(letters, list(_GAPS))] = ord("-")
        return letters


def read_stockholm(path: str | Path, query: str | None = None) -> Alignment:
    """The alignment of a Stockholm file, over the columns of its first row.

    Raises InputError naming the line if the file is no Stockholm file, is cut short, holds an unknown letter or rows
    of different lengths, or if its first row is not `query` when that is given.
    """
    alignment = parse_stockholm(read_lines(path), path).alignment()
    if query is not None and alignment.query != query:
        raise not_the_query(alignment.descriptions[0], alignment.query, query, file=path)
    return alignment


def parse_stockholm(lines: Sequence[str], file: str | Path | None = None) -> Stockholm:
    """Rows and descriptions written on these lines; `file` is only for errors."""
    _check_frame(lines, file)
    pieces: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    last_line: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("//"):
            break
        if line.startswith("#=GS"):
            _, name, feature, text = [*line.split(maxsplit=3), "", ""][:4]
            if feature == "DE":
                descriptions[name] = text
        elif line.strip() and not line.startswith("#"):
            name, piece = _row(line, number, file)
            pieces.setdefault(name, []).append(piece)
            last_line[name] = number
    rows = {name: "".join(parts) for name, parts in pieces.items()}
    _check_lengths(rows, last_line, file)
    return Stockholm(rows, descriptions)


def truncate(lines: Sequence[str], max_rows: int) -> list[str]:
    """The file with its first rows only, and without annotation of single residues."""
    return list(_lines_of(lines, list(dict.fromkeys(_row_names(lines)))[:max_rows]))


def remove_duplicates(lines: Sequence[str]) -> list[str]:
    """The file without rows that repeat an earlier one over the columns of the query."""
    stockholm = parse_stockholm(lines)
    letters = stockholm._letters()
    kept: dict[bytes, str] = {}
    for name, row in zip(stockholm.rows, letters[:, letters[0] != ord("-")], strict=True):
        kept.setdefault(row.tobytes(), name)
    return list(_lines_of(lines, set(kept.values())))


def remove_empty_columns(lines: Sequence[str]) -> list[str]:
    """The file without columns in which no row has a residue; block by block, widths of names are kept."""
    out: list[str] = []
    for block in _blocks(lines):
        rows = [line for line in block if line.strip() and not line.startswith(("#", "//"))]
        if not rows:
            out += block
            continue
        start = len(rows[0]) - len(rows[0].split(maxsplit=1)[1])
        letters = np.array([list(line[start:].rstrip().encode("ascii")) for line in rows], np.uint8)
        in_use = np.logical_or.reduce(~np.isin(letters, list(_GAPS)), axis=0)
        out += [_choose(line, start, in_use) if _is_columns(line) else line for line in block]
    return out


def _check_frame(lines: Sequence[str], file: str | Path | None) -> None:
    if not lines or not lines[0].startswith("# STOCKHOLM"):
        remedy = 'The first line must be "# STOCKHOLM 1.0".'
        raise InputError("this is no Stockholm file.", file=file, line=1, remedy=remedy)
    if not any(line.startswith("//") for line in lines):
        message = "the file is cut short: no line //"
        raise InputError(f"{message}.", file=file, line=len(lines), remedy="Run the search again.")


def _row(line: str, number: int, file: str | Path | None) -> tuple[str, str]:
    parts = line.split()
    if len(parts) != 2:
        raise InputError("a row must be a name and letters.", file=file, line=number, remedy="Was the file edited?")
    bad = next((c for c in parts[1] if not (c.isascii() and c.isalpha()) and c not in "-.~"), None)
    if bad is not None:
        message = f'row "{parts[0]}" holds "{bad}", which is neither a residue nor a gap.'
        raise InputError(message, file=file, line=number, remedy="Rows may hold letters, - and . only.")
    return parts[0], parts[1]


def _check_lengths(rows: dict[str, str], last_line: dict[str, int], file: str | Path | None) -> None:
    if not rows:
        raise InputError("the alignment holds no rows.", file=file, remedy="Did the search find the query?")
    expected = len(next(iter(rows.values())))
    for name, row in rows.items():
        if len(row) != expected:
            raise InputError(
                f'row "{name}" has {len(row)} columns, the first row has {expected}.',
                file=file,
                line=last_line[name],
                remedy="Every row of a Stockholm file has the same length. Does this name stand twice?",
            )


def _deletions(
    is_residue: Bool[np.ndarray, "s columns"], in_query: Bool[np.ndarray, "columns"]
) -> Int[np.ndarray, "s n"]:
    seen = np.cumsum(is_residue & ~in_query, axis=1, dtype=np.int32)[:, in_query]
    return np.diff(seen, axis=1, prepend=np.int32(0))


def _a3m_row(row: UInt8[np.ndarray, "columns"], in_query: Bool[np.ndarray, "columns"]) -> str:
    insertion = ~in_query & (row != ord("-"))
    return np.where(insertion, row | 0x20, row)[in_query | insertion].tobytes().decode("ascii")


def _row_names(lines: Sequence[str]) -> Iterator[str]:
    return (line.split(maxsplit=1)[0] for line in lines if line.strip() and not line.startswith(("#", "//")))


def _lines_of(lines: Sequence[str], names: Collection[str]) -> Iterator[str]:
    """What frames a Stockholm file, and the rows and descriptions of these names."""
    names = set(names)
    for line in lines:
        words = line.split(maxsplit=2)
        is_frame = not words or line.startswith(("# STOCKHOLM", "#=GC RF", "//"))
        if is_frame or words[words[0] == "#=GS"] in names:
            yield line


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        block.append(line)
        if not line.strip():
            yield block
            block = []
    yield block


def _is_columns(line: str) -> bool:
    return bool(line.strip()) and (line.startswith(("#=GC", "#=GR")) or not line.startswith(("#", "//")))


def _choose(line: str, start: int, in_use: Bool[np.ndarray, "columns"]) -> str:
    return line[:start] + "".join(letter for letter, used in zip(line[start:], in_use, strict=False) if used)
