"""Amino acids that are the mirror images of those in proteins."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.io.structure import Structure

CORNERS = [ATOM_INDEX[name] for name in ("N", "C", "CB")]
CA = ATOM_INDEX["CA"]


def is_mirrored(structure: Structure) -> Bool[np.ndarray, " n"]:
    """Residues whose alpha carbon has the D configuration; glycine, and a residue without CB, has none."""
    n, c, cb = np.moveaxis(structure.positions[:, CORNERS] - structure.positions[:, [CA]], 1, 0)
    handedness = (np.cross(n, c) * cb).sum(-1)
    return (handedness < 0) & (structure.mask[:, [*CORNERS, CA]] > 0).all(axis=1)
