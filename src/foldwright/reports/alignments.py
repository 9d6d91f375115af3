"""How many sequences stand behind each position, and how close they are to the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.reports.results import Chain

# Lower bounds of sequence identity; below about 30% relatives are told from strangers by profile only (Rost 1999).
IDENTITIES = (0.0, 0.3, 0.5, 0.7, 0.9)

UNPAIRED, PAIRED = "unpaired", "paired"


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The rows of one alignment over its columns."""

    chain: str
    kind: str  # paired or unpaired
    rows: int
    class_rows: list[int]  # rows by class of identity
    covering: Int[np.ndarray, "classes n"]  # of them, those with a residue in the column

    @property
    def total(self) -> Int[np.ndarray, " n"]:
        return self.covering.sum(axis=0)


def read_depths(folder: Path, chains: Sequence[Chain]) -> list[Depth]:
    """What the alignments kept in `msas/` hold, chain by chain, the paired rows last.

    Raises:
        InputError: an alignment is damaged or of another sequence.
    """
    found = []
    for chain in chains:
        for kind, file in alignment_files(folder, chain.name):
            found.append(depth_of(read_a3m(file, chain.sequence), chain.name, kind))
    return found


def alignment_files(folder: Path, chain: str) -> list[tuple[str, Path]]:
    """The alignments of one chain that were kept beside its results."""
    named = [(UNPAIRED, f"{chain}.a3m"), (PAIRED, f"{chain}.paired.a3m"), (PAIRED, f"{chain}_paired.a3m")]
    places = [(kind, folder / "msas" / f"{name}{packed}") for kind, name in named for packed in ("", ".gz")]
    return [(kind, path) for kind, path in places if path.is_file()]


def depth_of(alignment: Alignment, chain: str, kind: str) -> Depth:
    """Rows counted by column and by their identity to the query over the columns that they cover."""
    letters = np.frombuffer("".join(alignment.sequences).encode(), np.uint8).reshape(len(alignment), -1)
    is_residue = letters != ord("-")
    same = (letters == letters[0]) & is_residue
    identity = same.sum(axis=1) / np.maximum(is_residue.sum(axis=1), 1)
    classes = np.searchsorted(IDENTITIES, identity, side="right") - 1
    covering = np.stack([is_residue[classes == i].sum(axis=0) for i in range(len(IDENTITIES))])
    counts = np.bincount(classes, minlength=len(IDENTITIES)).tolist()
    return Depth(chain=chain, kind=kind, rows=len(alignment), covering=covering, class_rows=counts)
