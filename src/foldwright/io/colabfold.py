"""The A3M that ColabFold writes for a complex: one alignment over all chains side by side.

Its first line `#L1,L2<TAB>n1,n2` gives the length of each distinct sequence and how often it occurs. The rows
follow over the columns of all distinct sequences: first the query, then rows that cover several chains (paired),
then for each sequence the rows that cover it alone, gaps elsewhere.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.job import ChainInput

_HEADER = re.compile(r"#(\d+(?:,\d+)*)\s+(\d+(?:,\d+)*)\s*")


def complex_header(lines: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """Lengths of the distinct sequences and how often each occurs; None if the file does not begin so."""
    found = _HEADER.fullmatch(lines[0])
    return ([int(x) for x in found[1].split(",")], [int(x) for x in found[2].split(",")]) if found else None


def parse_complex(lines: Sequence[str], file: str | Path | None = None) -> tuple[ChainInput, ...]:
    """The chains of a complex, copies beside each other, with their own and their paired rows.

    Raises InputError if the header does not fit the rows.
    """
    header = complex_header(lines)
    if header is None:
        raise _bad_header("the first line is not #lengths<TAB>copies", file)
    lengths, copies = header
    if len(lengths) != len(copies) or not all(lengths) or not all(copies):
        raise _bad_header(f"{len(lengths)} lengths stand beside {len(copies)} numbers of copies, or one is 0", file)
    alignment = parse_a3m(lines, file)
    if sum(lengths) != len(alignment.query):
        message = f"the lengths add up to {sum(lengths)}, the first row has {len(alignment.query)} residues"
        raise _bad_header(message, file)
    chains = _split(alignment, lengths)
    return tuple(chain for chain, count in zip(chains, copies, strict=True) for _ in range(count))


def _split(alignment: Alignment, lengths: Sequence[int]) -> list[ChainInput]:
    """One chain for each length: its columns of the rows that cover it alone, and of those that cover several."""
    borders = list(pairwise(accumulate(lengths, initial=0)))
    is_residue = alignment.letters != ord("-")
    covers = np.stack([is_residue[:, start:stop].any(axis=1) for start, stop in borders], axis=1)
    is_paired = covers.sum(axis=1) > 1
    paired = alignment.rows(np.flatnonzero(is_paired)) if is_paired.sum() > 1 else None
    return [
        ChainInput(
            sequence=alignment.query[start:stop],
            alignment=_alone(alignment, np.flatnonzero(covers[:, i] & ~is_paired), start, stop),
            paired=paired.columns(start, stop) if paired else None,
        )
        for i, (start, stop) in enumerate(borders)
    ]


def _alone(alignment: Alignment, rows: np.ndarray, start: int, stop: int) -> Alignment:
    """These rows over one chain, with its sequence in front if the file does not repeat it there."""
    query = Alignment.of_query(alignment.query[start:stop])
    own = alignment.rows(rows).columns(start, stop) if len(rows) else query
    return own if own.query == query.query else Alignment.concatenate([query, own])


def _bad_header(message: str, file: str | Path | None) -> InputError:
    remedy = "Write #L1,L2<TAB>n1,n2: the length of each distinct sequence and how often it occurs."
    return InputError(f"{message}.", file=file, line=1, remedy=remedy)
