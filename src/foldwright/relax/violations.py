"""What is impossible about a structure, residue by residue, in memory that grows with its size alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foldwright.chem import atoms
from foldwright.features.structure import atom14_from_atom37
from foldwright.io.structure import Structure
from foldwright.losses import violations
from foldwright.relax.naming import residue_names

BLOCK = 32  # residues compared at a time with all that come near them
REACH = 2 * max(atoms.VDW_RADIUS.values()) - violations.OVERLAP_TOLERANCE  # angstrom; no pair of atoms clashes beyond
CHAIN_GAP = 2  # in residue numbers: more than the 1 that means a bond


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureViolations:
    """Residues with each kind of violation (AF2 Suppl. 1.9.11), and the loss of all of them together."""

    bonds: Bool[np.ndarray, " n"]  # a peptide bond of bad length or angle
    clashes: Bool[np.ndarray, " n"]  # an atom within that of another residue
    within: Bool[np.ndarray, " n"]  # atoms of the residue itself too near or too far
    loss: float  # AF2 Suppl. equation 47

    @property
    def residues(self) -> Bool[np.ndarray, " n"]:
        """Those with any."""
        return self.bonds | self.clashes | self.within

    def record(self, structure: Structure) -> dict[str, Any]:
        """Counts, and the residues by name."""
        kinds = {"bonds": self.bonds, "clashes": self.clashes, "within_residue": self.within}
        return {
            "residues": int(self.residues.sum()),
            "loss": round(self.loss, 6),
            **{kind: residue_names(structure, np.flatnonzero(found)) for kind, found in kinds.items()},
        }


def structure_violations(structure: Structure, is_break: Bool[np.ndarray, " n"]) -> StructureViolations:
    """Every violation; `is_break` is true for residues that are not bonded to the one before them.

    Unlike the released loss this tells residues of one number in different chains apart.
    """
    aatype = torch.from_numpy(structure.aatype)
    positions, mask = (torch.from_numpy(np.asarray(x, np.float64)) for x in (structure.positions, structure.mask))
    positions, mask = atom14_from_atom37(aatype, positions, mask)
    number = torch.from_numpy(np.cumsum(np.where(is_break, CHAIN_GAP, 1)))
    bonds = violations.bond_violations(positions, mask, aatype, number)
    within = violations.within_residue_violations(positions, mask, aatype)
    overlap, is_clash = _clashes(positions, mask, aatype, number)
    per_atom = (overlap + within.atom_loss.sum()) / (mask.sum() + 1e-6)
    return StructureViolations(
        bonds=bonds.is_violated.numpy() > 0,
        clashes=is_clash.numpy() > 0,
        within=within.is_violated.amax(-1).numpy() > 0,
        loss=float(bonds.c_n_loss + bonds.ca_c_n_loss + bonds.c_n_ca_loss + per_atom),
    )


def _clashes(
    positions: Float[Tensor, "n 14 3"],
    mask: Float[Tensor, "n 14"],
    aatype: Int[Tensor, " n"],
    number: Int[Tensor, " n"],
) -> tuple[Float[Tensor, ""], Float[Tensor, " n"]]:
    """The sum of `atom_loss` over all atoms, and which residues clash."""
    radii = violations.van_der_waals_radii(aatype).to(positions)
    total, is_clash = positions.new_zeros(()), positions.new_zeros(len(positions))
    chain = torch.zeros_like(number)  # the numbers alone tell all residues apart
    for block, near in _neighbourhoods(positions, mask):
        found = violations.clash_violations(positions[near], mask[near], radii[near], number[near], chain[near])
        is_own = torch.isin(near, block)
        total = total + found.atom_loss[is_own].sum()
        is_clash[block] = found.is_violated[is_own].amax(-1)
    return total, is_clash


def _neighbourhoods(
    positions: Float[Tensor, "n 14 3"], mask: Float[Tensor, "n 14"]
) -> Iterator[tuple[Int[Tensor, " block"], Int[Tensor, " near"]]]:
    """Blocks of residues, and with each all residues, in order, that have an atom in reach of any of it."""
    known = positions.float().masked_fill(mask[..., None] == 0, float("inf")).flatten(0, 1)
    for block in torch.arange(len(positions)).split(BLOCK):
        own = known.unflatten(0, (-1, 14))[block].flatten(0, 1)
        distances = torch.cdist(own, known, compute_mode="donot_use_mm_for_euclid_dist")
        is_near = (distances < REACH).any(0).unflatten(0, (-1, 14)).any(-1)  # false for the NaN of an unknown atom
        is_near[block] = True
        yield block, torch.nonzero(is_near).squeeze(-1)
