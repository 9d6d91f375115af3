"""A structure as few lines: traces of polymers, bonds of everything else, for pictures that do not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_SEGMENTS = 800  # of a drawn backbone: more cannot be seen and make the page heavy
BOND = 2.0  # angstrom: no heavy atoms but metals' neighbours are bonded beyond


@dataclass(frozen=True, kw_only=True, eq=False)
class Skeleton:
    """Points, the lines between them, and points that stand alone."""

    positions: Float[np.ndarray, "k 3"]
    plddt: Float[np.ndarray, " k"]
    joined: Sequence[tuple[int, int]]
    alone: Sequence[int] = ()

    @property
    def seen(self) -> Int[np.ndarray, " m"]:
        """The points that are drawn."""
        return np.unique([i for pair in self.joined for i in pair] + list(self.alone)).astype(int)

    @cached_property
    def directions(self) -> Float[np.ndarray, "3 3"]:
        """Rows: to the right, up and towards the reader, so that most extent lies level and least in the line of sight.

        The first point is on the left and not below; the third direction makes it a turn, never a mirror image.
        """
        points = self.positions[self.seen]
        if len(points) < 3:  # these have no third direction
            return np.eye(3)
        centred = points - points.mean(axis=0)
        right, up = np.linalg.svd(centred, full_matrices=False)[2][:2]
        right, up = right * (-1 if centred[0] @ right > 0 else 1), up * (-1 if centred[0] @ up < 0 else 1)
        return np.stack([right, up, np.cross(right, up)])

    @property
    def turn(self) -> Float[np.ndarray, " 4"]:
        """The rotation to these directions as a quaternion x, y, z, w of length 1."""
        (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = self.directions
        products = np.array(  # of each two of its numbers, times 4
            [
                [1 + xx - yy - zz, xy + yx, xz + zx, zy - yz],
                [xy + yx, 1 - xx + yy - zz, yz + zy, xz - zx],
                [xz + zx, yz + zy, 1 - xx - yy + zz, yx - xy],
                [zy - yz, xz - zx, yx - xy, 1 + xx + yy + zz],
            ]
        )
        row = products[products.diagonal().argmax()]
        return row / np.linalg.norm(row)

    @classmethod
    def of_traces(
        cls,
        positions: Float[np.ndarray, "k 3"],
        plddt: Float[np.ndarray, " k"],
        is_there: Bool[np.ndarray, " k"],
        borders: Sequence[tuple[int, int]],
    ) -> Skeleton:
        """One line for each chain, through every so manieth residue where they are many."""
        step = 1 + len(positions) // MOST_SEGMENTS
        joined = [
            (i, j)
            for start, stop in borders
            for i, j in pairwise([*range(start, stop - 1, step), stop - 1])
            if is_there[i] and is_there[j]
        ]
        return cls(positions=positions, plddt=plddt, joined=joined)

    def with_molecules(self, groups: Sequence[Sequence[int]]) -> Skeleton:
        """The same with bonds inside each group of points that lie close enough; a group of one stands alone."""
        bonds = [pair for group in groups for pair in _close(self.positions, np.array(group))]
        bonded = {i for pair in bonds for i in pair}
        alone = [i for group in groups for i in group if i not in bonded]
        return Skeleton(positions=self.positions, plddt=self.plddt, joined=[*self.joined, *bonds], alone=alone)


def _close(positions: Float[np.ndarray, "k 3"], group: np.ndarray) -> list[tuple[int, int]]:
    gaps = np.linalg.norm(positions[group][:, None] - positions[group][None], axis=-1)
    first, second = np.nonzero(np.triu(gaps < BOND, 1))
    return list(zip(group[first].tolist(), group[second].tolist(), strict=True))
