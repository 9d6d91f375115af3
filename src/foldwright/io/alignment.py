"""One alignment, whatever file it came from: rows over the query's columns, and what was cut out between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, UInt8


@dataclass(frozen=True, eq=False)
class Alignment:
    """Rows aligned to the query, which is the first row.

    sequences     capital letters and "-", all of the query's length
    deletions     how many residues of the row were cut out to the left of each column
    descriptions  what the file says of each row
    """

    sequences: list[str]
    deletions: Int[np.ndarray, "s n"]
    descriptions: list[str]

    def __post_init__(self):
        if self.deletions.shape != (len(self.sequences), len(self.query)):
            raise ValueError(
                f"{len(self.sequences)} rows of {len(self.query)} columns, {self.deletions.shape} deletions"
            )
        if len(self.descriptions) != len(self.sequences):
            raise ValueError(f"{len(self.sequences)} rows, {len(self.descriptions)} descriptions")

    @classmethod
    def of_query(cls, sequence: str, description: str = "query") -> Alignment:
        """The alignment of a sequence to itself: what there is when nothing was searched."""
        return cls([sequence], np.zeros((1, len(sequence)), np.int32), [description])

    @classmethod
    def of_letters(
        cls, letters: UInt8[np.ndarray, "s n"], deletions: Int[np.ndarray, "s n"], descriptions: list[str]
    ) -> Alignment:
        """From a matrix of ASCII codes."""
        rows, columns = letters.shape
        text = letters.tobytes().decode("ascii")
        return cls([text[i * columns : (i + 1) * columns] for i in range(rows)], deletions, descriptions)

    @classmethod
    def concatenate(cls, alignments: Sequence[Alignment]) -> Alignment:
        """The rows of alignments of one query, one file after the other."""
        return cls(
            [row for a in alignments for row in a.sequences],
            np.concatenate([a.deletions for a in alignments]),
            [text for a in alignments for text in a.descriptions],
        )

    @property
    def query(self) -> str:
        return self.sequences[0]

    def __len__(self) -> int:
        return len(self.sequences)

    @cached_property
    def letters(self) -> UInt8[np.ndarray, "s n"]:
        """The rows as ASCII codes, for work on all of them at once."""
        return np.frombuffer("".join(self.sequences).encode("ascii"), np.uint8).reshape(self.deletions.shape)

    def rows(self, chosen: Sequence[int] | np.ndarray) -> Alignment:
        """Only these rows, in this order."""
        return Alignment(
            [self.sequences[i] for i in chosen],
            self.deletions[np.asarray(chosen, dtype=np.int64)],
            [self.descriptions[i] for i in chosen],
        )

    def columns(self, start: int, stop: int) -> Alignment:
        """Only these columns: one chain of an alignment that covers several."""
        return Alignment(
            [row[start:stop] for row in self.sequences], self.deletions[:, start:stop].copy(), self.descriptions
        )

    def unique(self) -> Alignment:
        """Without the rows whose aligned letters repeat an earlier row (AF2 Suppl. 1.2.2)."""
        first = dict(zip(reversed(self.sequences), range(len(self) - 1, -1, -1), strict=True))
        return self.rows(sorted(first.values()))
