"""How much of the proteins in a predicted structure looks disordered: far from compact (AF3 SI 5.9.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.metrics.accessibility import BACKBONE_RADII, residue_accessibility

WINDOW = 25  # residues averaged over, as released
EXPOSED = 0.581  # relative accessibility above which a residue counts as disordered, as released
LARGEST = {  # accessible area of a residue that nothing hides, square angstrom (Rost & Sander 1994)
    **{"ALA": 106, "ARG": 248, "ASN": 157, "ASP": 163, "CYS": 135, "GLN": 198, "GLU": 194, "GLY": 84, "HIS": 184},
    **{"ILE": 169, "LEU": 164, "LYS": 205, "MET": 188, "PHE": 197, "PRO": 136, "SER": 130, "THR": 142, "TRP": 227},
    **{"TYR": 222, "VAL": 142},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ProteinChain:
    """The heavy atoms of one chain, residue after residue."""

    positions: Float[np.ndarray, "atoms 3"]  # angstrom
    atom_names: np.ndarray  # str
    residue_names: np.ndarray  # str, of each atom's residue
    residue_ids: Int[np.ndarray, " atoms"]

    def take(self, kept: Bool[np.ndarray, " atoms"]) -> ProteinChain:
        """These atoms alone."""
        return ProteinChain(**{name: value[kept] for name, value in vars(self).items()})


def fraction_disordered(chains: list[ProteinChain]) -> float:
    """The fraction of all residues that lie in an exposed stretch; 0 where there is no protein.

    Every chain is looked at alone. As released, of chains with one sequence the first is measured for all.
    """
    measured: dict[tuple[str, ...], Float[np.ndarray, " residues"]] = {}
    stretches = []
    for chain in chains:
        whole = with_backbone(chain)
        sequence = tuple(whole.residue_names[_starts(whole)])
        if sequence not in measured:
            measured[sequence] = smoothed(relative_accessibility(whole))
        stretches.append(measured[sequence])
    exposed = np.concatenate(stretches) > EXPOSED if stretches else np.empty(0, bool)
    return float(exposed.mean()) if len(exposed) else 0.0


def relative_accessibility(chain: ProteinChain) -> Float[np.ndarray, " residues"]:
    """How much of each residue water reaches, 0 to 1; what is no standard amino acid counts as alanine."""
    areas = residue_accessibility(chain.positions, chain.atom_names, np.cumsum(_starts(chain)) - 1)
    largest = [LARGEST.get(str(name), LARGEST["ALA"]) for name in chain.residue_names[_starts(chain)]]
    return np.minimum(np.floor(areas + 0.5) / np.array(largest, float), 1)  # whole square angstrom, as DSSP tells them


def smoothed(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The mean over a window around each residue; beyond the ends the chain is mirrored."""
    if not len(values):
        return values
    wide = np.pad(values, WINDOW // 2, "reflect")
    return np.convolve(wide, np.full(WINDOW, 1 / WINDOW), "valid")


def with_backbone(chain: ProteinChain) -> ProteinChain:
    """The residues that have their whole backbone: DSSP leaves out the others."""
    residue = np.cumsum(_starts(chain)) - 1
    has = np.bincount(residue, np.isin(chain.atom_names, list(BACKBONE_RADII)))
    return chain.take((has == len(BACKBONE_RADII))[residue]) if len(residue) else chain


def _starts(chain: ProteinChain) -> Bool[np.ndarray, " atoms"]:
    """Where a residue begins."""
    return np.diff(chain.residue_ids, prepend=chain.residue_ids[:1] - 1) != 0
