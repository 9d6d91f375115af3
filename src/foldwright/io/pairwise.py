"""Two sequences side by side: which residue of the one is which of the other."""

from typing import NamedTuple

import gemmi
import numpy as np

from foldwright.chem.residues import ONE_TO_THREE

MIN_BLOCK = 4  # shorter runs of aligned residues between gaps are there by chance
CHANCE_IDENTITY = 0.2  # of the aligned residues of unrelated chains


class Match(NamedTuple):
    """Which residue of a chain stands at which column of the query, both from 0."""

    mapping: dict[int, int]
    num_identical: int

    @property
    def is_by_chance(self) -> bool:
        """Whether unrelated chains agree as often: two residues and two standard deviations above their mean."""
        mean = len(self.mapping) * CHANCE_IDENTITY
        return self.num_identical <= mean + 2 + 2 * (mean * (1 - CHANCE_IDENTITY)) ** 0.5


def align(query: str, sequence: str) -> Match:
    """The global alignment of two sequences (BLOSUM62, gap 10 + 1), without short runs between gaps."""
    names, others = ([ONE_TO_THREE.get(letter, "UNK") for letter in text] for text in (query, sequence))
    result = gemmi.align_string_sequences(names, others, [], gemmi.AlignmentScoring("b"))
    rows = np.array([list(result.add_gaps(text, which)) for which, text in enumerate((query, sequence), 1)])
    is_paired = (rows != "-").all(0)
    place = np.cumsum(rows != "-", axis=1) - 1
    edges = np.flatnonzero(np.diff(np.pad(is_paired.astype(int), 1)))
    kept = [i for a, b in edges.reshape(-1, 2) if b - a >= MIN_BLOCK for i in range(a, b)]
    mapping = {int(place[0, i]): int(place[1, i]) for i in kept}
    return Match(mapping, int((rows[0, kept] == rows[1, kept]).sum()))
