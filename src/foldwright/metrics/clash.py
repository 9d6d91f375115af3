"""Whether atoms of polymers lie in each other (AF3 SI 5.9.2)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.geometry.neighbours import pairs_within

RADIUS = 1.1  # angstrom
MOST_ATOMS = 100  # clashing atoms that a chain may have
LARGEST_FRACTION = 0.5  # of a chain's atoms that may clash


def has_clash(
    positions: Float[np.ndarray, "atoms 3"],
    chain_ids: Sequence[str] | np.ndarray,
    residue_ids: Int[np.ndarray, " atoms"],
) -> bool:
    """Whether a chain has more than 100 clashing atoms, or more than half of its atoms clash (AF3 SI 5.9.2).

    Give the atoms of proteins, RNA and DNA alone. DISCREPANCY(AF3 SI 5.9.2): the paper counts clashes between two
    chains, the released program those within a chain, too.
    """
    chains = np.asarray(chain_ids)
    clashing = clashing_atoms(positions, chains, residue_ids)
    counts = [(clashing[chains == chain].sum(), (chains == chain).sum()) for chain in np.unique(chains)]
    return any(bool(bad > MOST_ATOMS or bad / total > LARGEST_FRACTION) for bad, total in counts)


def clashing_atoms(
    positions: Float[np.ndarray, "atoms 3"], chain_ids: np.ndarray, residue_ids: Int[np.ndarray, " atoms"]
) -> Bool[np.ndarray, " atoms"]:
    """Atoms with another closer than 1.1 angstrom, in another chain or not in their own or an adjacent residue."""
    i, j = pairs_within(positions, RADIUS)
    apart = (chain_ids[i] != chain_ids[j]) | (np.abs(residue_ids[i] - residue_ids[j]) > 1)
    found = np.zeros(len(positions), bool)
    found[i[apart]] = found[j[apart]] = True
    return found
