"""How many sequences stand behind each position, and how close they are to the query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from foldwright.io.a3m import parse_a3m, read_a3m
from foldwright.io.alignment import Alignment
from foldwright.reports.complexes import ComplexResults
from foldwright.reports.results import Chain, Results

# Lower bounds of sequence identity; below about 30% relatives are told from strangers by profile only (Rost 1999).
IDENTITIES = (0.0, 0.3, 0.5, 0.7, 0.9)

UNPAIRED, PAIRED = "unpaired", "paired"


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The rows of one alignment over its columns."""

    chain: str  # or several of one sequence: "A, B"
    kind: str  # paired or unpaired
    rows: int
    class_rows: list[int]  # rows by class of identity
    covering: Int[np.ndarray, "classes n"]  # of them, those with a residue in the column

    @property
    def total(self) -> Int[np.ndarray, " n"]:
        return self.covering.sum(axis=0)


def read_depths(folder: Path, chains: Sequence[Chain]) -> list[Depth]:
    """What the alignments kept in `msas/` hold, chain by chain, where there is more in them than the query.

    Chains of one sequence share the file of the first of them.

    Raises:
        InputError: an alignment is damaged or of another sequence.
    """
    found = []
    for chain in chains:
        same = ", ".join(other.name for other in chains if other.sequence == chain.sequence)
        for kind, file in alignment_files(folder, chain.name):
            name = chain.name if kind == PAIRED else same
            found.append(depth_of(read_a3m(file, chain.sequence), name, kind))
    return [depth for depth in found if depth.rows > 1]


def depths_of(results: Results) -> list[Depth]:
    """The alignments of a job: files of their own, or text inside the input of a complex."""
    if isinstance(results, ComplexResults):
        return list(_depths_of_data(results.data))
    return read_depths(results.folder, results.chains)


def _depths_of_data(data: Mapping[str, Any]) -> Iterator[Depth]:
    for entity in data.get("sequences") or ():
        (about,) = entity.values()
        ids = about.get("id") or ""
        name = ids if isinstance(ids, str) else ", ".join(ids)
        for kind, key in ((UNPAIRED, "unpairedMsa"), (PAIRED, "pairedMsa")):
            if text := (about.get(key) or "").strip():
                depth = depth_of(parse_a3m(text.splitlines()), name, kind)
                if depth.rows > 1:
                    yield depth


def alignment_files(folder: Path, chain: str) -> list[tuple[str, Path]]:
    """The alignments of one chain that were kept beside its results."""
    places = [(UNPAIRED, folder / "msas" / f"{chain}.a3m"), (PAIRED, folder / "msas" / f"{chain}.paired.a3m")]
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
