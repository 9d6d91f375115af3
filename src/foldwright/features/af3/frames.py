"""Which tokens span a frame on which errors can be aligned (AF3 SI 4.3.2)."""

import numpy as np
from jaxtyping import Bool, Float, Int

LEAST_BEND = 0.0937  # 1 - |cos| of the angle at the atom; 25 degrees from a line


def has_frame(
    is_ligand: Bool[np.ndarray, " n"],
    positions: Float[np.ndarray, "n 3"],
    residue: Int[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Every token of a polymer has a frame; one of a ligand if the two atoms nearest to it are not in line with it.

    `positions` are those of the token's first atom in the reference conformer, `residue` the conformer it belongs to.
    As released, modified residues of polymers always have one. The released program draws a conformer for this alone,
    with a seed of its own: where three atoms are nearly in line, or two nearly as far, another conformer may differ.
    """
    found = np.ones(len(is_ligand), bool)
    for uid in np.unique(residue[is_ligand]):
        members = np.flatnonzero(is_ligand & (residue == uid))
        found[members] = bent(positions[members].astype(np.float64))
    return found


def bent(atoms: Float[np.ndarray, "a 3"]) -> Bool[np.ndarray, " a"]:
    """Whether each atom and the two nearest to it span a plane; with fewer than three, or two in one place, never."""
    if len(atoms) < 3:
        return np.zeros(len(atoms), bool)
    distance = np.linalg.norm(atoms[:, None] - atoms, axis=-1)
    np.fill_diagonal(distance, -1)
    nearest = np.argsort(distance, axis=-1, kind="stable")[:, 1:3]
    first, second = (atoms[nearest[:, k]] - atoms for k in (0, 1))
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = (first * second).sum(-1) / np.maximum(lengths, 1e-12)
    return (lengths > 0) & (1 - np.abs(cosine) >= LEAST_BEND)
