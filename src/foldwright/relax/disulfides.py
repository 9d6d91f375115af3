"""Which cysteines are bonded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.residues import RESTYPE_INDEX
from foldwright.io.structure import Structure
from foldwright.relax.naming import residue_name

SG = ATOM_INDEX["SG"]


@dataclass(frozen=True)
class Disulfide:
    """Two cysteines, by their places in the structure."""

    first: int
    second: int

    def length(self, structure: Structure) -> float:
        """Between the sulphur atoms, angstrom."""
        return float(np.linalg.norm(structure.positions[self.first, SG] - structure.positions[self.second, SG]))

    def record(self, before: Structure, after: Structure) -> dict[str, Any]:
        """The pair by name, and its length before and after."""
        names = [residue_name(before, i) for i in (self.first, self.second)]
        lengths = {"before": round(self.length(before), 3), "after": round(self.length(after), 3)}
        return {"residues": names, "length": lengths}


def find_disulfides(structure: Structure, longest: float) -> tuple[Disulfide, ...]:
    """Pairs of cysteines whose sulphurs are within `longest` angstrom, the nearest first, each cysteine once."""
    cysteines = np.flatnonzero((structure.aatype == RESTYPE_INDEX["C"]) & (structure.mask[:, SG] > 0))
    places = structure.positions[cysteines, SG].astype(np.float64)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    i, j = np.nonzero(np.triu(distances < longest, k=1))
    found: list[Disulfide] = []
    taken: set[int] = set()
    for k in np.argsort(distances[i, j], kind="stable"):
        pair = {int(cysteines[i[k]]), int(cysteines[j[k]])}
        if not pair & taken:
            found.append(Disulfide(*sorted(pair)))
            taken |= pair
    return tuple(sorted(found, key=lambda bond: bond.first))
