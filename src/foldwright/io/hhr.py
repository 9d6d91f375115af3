"""HHR: the template hits that hhsearch and hhblits report."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.text import read_lines

_SCORES = re.compile(r"(\w[\w-]*)=(\S+?)%?(?:\s|$)")
_ROW = re.compile(r"[QT] (?P<name>.{14})\s*(?P<first>\d+) (?P<letters>[A-Za-z~.-]+)\s+\d+ \(\d+\)\s*$")
_ANNOTATION = ("ss_dssp", "ss_pred", "ss_conf", "sa_dssp", "Consensus")


@dataclass(frozen=True)
class TemplateHit:
    """A structure whose sequence is alignable to part of the query.

    query, hit_sequence            aligned letters with gaps, of equal length; no `hit_sequence` where it is not known
    indices_query, indices_hit     place in the whole sequence from 0, -1 at a gap
    sum_probs                      expected number of correctly aligned columns, which orders the hits of HHsearch
    """

    index: int
    name: str
    aligned_cols: int
    sum_probs: float | None
    query: str
    hit_sequence: str
    indices_query: list[int]
    indices_hit: list[int]
    probability: float | None
    e_value: float

    @classmethod
    def of_name(cls, name: str, index: int, e_value: float = 0.0) -> "TemplateHit":
        """A hit of which only the name is known, `1abc_A`: its alignment is to be made."""
        return cls(index, name, 0, None, "", "", [], [], None, e_value)

    @property
    def pdb_id(self) -> str:
        """The entry in lower case: `1abc` of `1ABC_A ...`, `pdb_00001abc` of `pdb_00001abc_A`."""
        return self._entry_and_chain[0].lower()

    @property
    def chain_id(self) -> str:
        """The author's chain: `A` of `1ABC_A ...`."""
        return self._entry_and_chain[1]

    @property
    def _entry_and_chain(self) -> tuple[str, str]:
        word = self.name.split(maxsplit=1)[0]
        entry, _, chain = word.rpartition("_")
        return (entry, chain) if entry else (word, "")


def read_hhr(path: str | Path) -> list[TemplateHit]:
    """The hits of an HHR file in its order.

    Raises InputError naming the line if the file is not HHR or a hit is incomplete.
    """
    return parse_hhr(read_lines(path), path)


def parse_hhr(lines: Sequence[str], file: str | Path | None = None) -> list[TemplateHit]:
    """The hits written on these lines; `file` is only for errors."""
    if not lines[0].startswith("Query"):
        message, remedy = "this is no HHR file.", 'Its first line must begin with "Query".'
        raise InputError(message, file=file, line=1, remedy=remedy)
    starts = [i for i, line in enumerate(lines) if line.startswith("No ") and line[3:].strip().isdigit()]
    return [_hit(lines, start, end, file) for start, end in pairwise([*starts, len(lines)])]


def _hit(lines: Sequence[str], start: int, end: int, file: str | Path | None) -> TemplateHit:
    """One hit: its number, its name, its scores, then blocks of aligned rows."""
    block = lines[start:end]
    scores = dict(_SCORES.findall(block[2])) if len(block) > 2 else {}
    query, indices_query = _joined(block, "Q ")
    hit_sequence, indices_hit = _joined(block, "T ")
    if not query or len(query) != len(hit_sequence):
        message = (
            f"hit {block[0][3:].strip()} has {len(query)} letters of the query and {len(hit_sequence)} of the hit."
        )
        raise InputError(message, file=file, line=start + 1, remedy="Was the file cut short? Run the search again.")
    try:
        return TemplateHit(
            index=int(block[0][3:]),
            name=block[1][1:].strip(),
            aligned_cols=int(scores["Aligned_cols"]),
            sum_probs=float(scores["Sum_probs"]),
            query=query,
            hit_sequence=hit_sequence,
            indices_query=indices_query,
            indices_hit=indices_hit,
            probability=float(scores["Probab"]),
            e_value=float(scores["E-value"]),
        )
    except (KeyError, ValueError) as error:
        message, remedy = f"the scores of hit {block[0][3:].strip()} cannot be read.", "Run the search again."
        raise InputError(message, file=file, line=start + 3, remedy=remedy) from error


def _joined(block: Sequence[str], kind: str) -> tuple[str, list[int]]:
    """The letters of all blocks of a hit, and where each stands in its whole sequence."""
    rows = list(_rows(block, kind))
    indices = [index for first, letters in rows for index in _numbered(letters, first - 1)]
    return "".join(letters for _, letters in rows), indices


def _rows(block: Sequence[str], kind: str) -> Iterator[tuple[int, str]]:
    for line in block:
        row = _ROW.match(line) if line.startswith(kind) else None
        if row and not row["name"].startswith(_ANNOTATION):
            yield int(row["first"]), row["letters"]


def _numbered(letters: str, first: int) -> Iterator[int]:
    for letter in letters:
        yield -1 if letter == "-" else first
        first += letter != "-"
