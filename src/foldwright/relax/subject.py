"""The part of a structure that a force field can describe, under the names it knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from foldwright.chem.atoms import ATOM37_MASK, ATOM_INDEX
from foldwright.chem.residues import RESTYPE_NAMES, UNKNOWN
from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.relax.naming import listed, residue_names
from foldwright.relax.options import RelaxOptions
from foldwright.relax.overlaps import separated

BACKBONE = [ATOM_INDEX[name] for name in ("N", "CA", "C")]
OXT = ATOM_INDEX["OXT"]
SAME_CHEMISTRY = ("MSE",)  # selenomethionine: relaxed as methionine, written as itself
LONGEST_BOND = 2.5  # angstrom between C and N where the authors' numbers jump; beyond it residues are missing


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """The residues that are relaxed, and what was done to the structure to get them."""

    structure: Structure
    places: Int[np.ndarray, " n"]  # of these residues in the structure that was given
    is_break: Bool[np.ndarray, " n"]  # not bonded to the one before
    is_terminus: Bool[np.ndarray, " n"]  # last of a whole chain, not before a gap
    record: dict[str, Any]

    @classmethod
    def of(cls, given: Structure, options: RelaxOptions) -> Subject:
        """Raises InputError, with the residues' names, for what has no parameters or no whole backbone."""
        there = np.flatnonzero(given.is_resolved)
        structure = given.select(given.is_resolved)
        if not len(structure):
            raise InputError("no residue has any atom.", remedy="Give a structure with coordinates.")
        modified = _check(structure, options)
        is_break, is_terminus = chain_breaks(structure), _termini(given)[there]
        is_lone = is_break & np.append(is_break[1:], True)
        if is_lone.all():
            remedy = "The force field needs at least two bonded residues."
            raise InputError(f"no bonded residues are there, only {_names(structure, is_lone)}.", remedy=remedy)
        chosen = _as_amino_acids(structure, is_break).select(~is_lone)
        whole, moved = separated(chosen, options.seed)
        record = {
            "gaps_before": residue_names(structure, np.flatnonzero(is_break & ~_is_first(structure))),
            "left_alone": residue_names(structure, np.flatnonzero(is_lone)),
            "taken_for_parents": residue_names(structure, modified),
            "separated": residue_names(whole, moved),
        }
        kept = ~is_lone
        return cls(
            structure=whole,
            places=there[kept],
            is_break=is_break[kept],
            is_terminus=is_terminus[kept],
            record=record,
        )

    def names(self, residues: Bool[np.ndarray, " n"]) -> list[str]:
        """Those residues by name."""
        return residue_names(self.structure, np.flatnonzero(residues))


def chain_breaks(structure: Structure) -> Bool[np.ndarray, " n"]:
    """Residues not bonded to the one before: the first of a chain, and those after residues that are missing.

    A file without its whole sequence shows a gap by a jump in the authors' numbers. The jump alone is none: C and N
    must also be too far apart for a bond.
    """
    jumps = np.diff(structure.author_numbers) != 1
    c, n = structure.positions[:-1, ATOM_INDEX["C"]], structure.positions[1:, ATOM_INDEX["N"]]
    is_far = np.linalg.norm(n - c, axis=1) > LONGEST_BOND
    follows = np.diff(structure.residue_index) == 1
    return _is_first(structure) | np.concatenate([[True], ~follows | (jumps & is_far)])


def _is_first(structure: Structure) -> np.ndarray:
    return np.concatenate([[True], np.diff(structure.chain_index) != 0])


def _termini(structure: Structure) -> np.ndarray:
    return np.concatenate([np.diff(structure.chain_index) != 0, [True]])


def _check(structure: Structure, options: RelaxOptions) -> np.ndarray:
    """The modified residues that go as their parents. Raises InputError for all that cannot go."""
    names = np.array([*RESTYPE_NAMES, "UNK"])[structure.aatype]
    unknown = np.flatnonzero(structure.aatype == UNKNOWN)
    remedy = "Give a structure of the 20 amino acids, or remove these residues."
    _refuse(structure, unknown, "the force field has no parameters for", remedy)
    modified = np.flatnonzero(structure.residue_names != names)
    if not options.takes_parents:
        remedy = "`--take-parents` relaxes and writes them as the amino acids they were made of."
        strange = modified[~np.isin(structure.residue_names[modified], SAME_CHEMISTRY)]
        _refuse(structure, strange, "the force field has no parameters for", remedy)
    bare = np.flatnonzero(~structure.mask[:, BACKBONE].all(axis=1))
    remedy = "Give a structure with whole backbones, or remove these residues."
    _refuse(structure, bare, "N, CA or C is missing in", remedy)
    _refuse(structure, np.flatnonzero(~np.isfinite(structure.positions).all((1, 2))), "no finite place has", remedy)
    return modified


def _refuse(structure: Structure, residues: np.ndarray, message: str, remedy: str) -> None:
    if len(residues):
        raise InputError(f"{message} {listed(residue_names(structure, residues))}.", remedy=remedy)


def _names(structure: Structure, residues: np.ndarray) -> str:
    return listed(residue_names(structure, np.flatnonzero(residues)))


def _as_amino_acids(structure: Structure, is_break: np.ndarray) -> Structure:
    """Names and atoms of the 20 amino acids, OXT only where a stretch of bonded residues ends."""
    allowed = ATOM37_MASK[structure.aatype].copy()
    allowed[:, OXT] = np.append(is_break[1:], True)
    return replace(
        structure,
        residue_names=np.array(RESTYPE_NAMES)[structure.aatype],
        is_hetero=np.zeros(len(structure), bool),
        mask=structure.mask * allowed.astype(np.float32),
    )
