"""A structure as the force field needs it: whole residues with hydrogens, bonds, and ends where the chain ends.

Nothing that has no parameters goes in: it is refused by name.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.chem.atoms import ATOM37_MASK, ATOM_INDEX
from foldwright.chem.residues import RESTYPE_NAMES, UNKNOWN
from foldwright.errors import InputError
from foldwright.io.modelcif import ModelDetails, modelcif_text
from foldwright.io.structure import Structure
from foldwright.relax.disulfides import Disulfide
from foldwright.relax.naming import listed, residue_names
from foldwright.relax.options import RelaxOptions

BACKBONE = [ATOM_INDEX[name] for name in ("N", "CA", "C")]
SAME_CHEMISTRY = ("MSE",)  # selenomethionine: methionine in all that matters here
LONGEST_BOND = 2.5  # angstrom between C and N where the authors' numbers jump; beyond it residues are missing
PH = 7.0  # AF2 relaxes at neutral pH


@dataclass(frozen=True, kw_only=True, eq=False)
class Molecule:
    """Every atom, hydrogens included, in the order of the topology."""

    topology: Any  # openmm.app.Topology
    positions: Float[np.ndarray, "atoms 3"]  # angstrom
    residue: Int[np.ndarray, " atoms"]  # of the structure that it was made of
    slot: Int[np.ndarray, " atoms"]  # among the 37; -1 for hydrogens
    is_given: Bool[np.ndarray, " atoms"]  # the structure had this atom


def as_amino_acids(structure: Structure, takes_parents: bool) -> Structure:
    """The resolved residues under the names of the 20 amino acids.

    Raises InputError for residues without parameters, and for residues without N, CA or C.
    """
    found = structure.select(structure.is_resolved)
    names = np.array([*RESTYPE_NAMES, "UNK"])[found.aatype]
    unknown = np.flatnonzero(found.aatype == UNKNOWN)
    if len(unknown):
        remedy = "Give a structure of the 20 amino acids, or remove these residues."
        raise _refused(found, unknown, "the force field has no parameters for", remedy)
    modified = np.flatnonzero((found.residue_names != names) & ~np.isin(found.residue_names, SAME_CHEMISTRY))
    if len(modified) and not takes_parents:
        remedy = "`--take-parents` relaxes and writes them as the amino acids they were made of."
        raise _refused(found, modified, "the force field has no parameters for", remedy)
    bare = np.flatnonzero(~found.mask[:, BACKBONE].all(axis=1))
    if len(bare):
        remedy = "Give a structure with whole backbones, or remove these residues."
        raise _refused(found, bare, "N, CA or C is missing in", remedy)
    mask = found.mask * np.maximum(ATOM37_MASK[found.aatype], _is_terminal_oxygen())
    return replace(found, residue_names=names, is_hetero=np.zeros(len(found), bool), mask=mask)


def _refused(structure: Structure, residues: np.ndarray, message: str, remedy: str) -> InputError:
    return InputError(f"{message} {listed(residue_names(structure, residues))}.", remedy=remedy)


def _is_terminal_oxygen() -> np.ndarray:
    return np.arange(37) == ATOM_INDEX["OXT"]


def chain_breaks(structure: Structure) -> Bool[np.ndarray, " n"]:
    """Residues not bonded to the one before: first of a chain, after residues that are missing, or numbered so.

    A jump in the authors' numbers alone is no gap: it counts where C and N are also too far apart for a bond.
    """
    jumps = np.diff(structure.author_numbers) != 1
    c, n = structure.positions[:-1, ATOM_INDEX["C"]], structure.positions[1:, ATOM_INDEX["N"]]
    is_far = np.linalg.norm(n - c, axis=1) > LONGEST_BOND
    is_first = np.diff(structure.chain_index) != 0
    follows = np.diff(structure.residue_index) == 1
    return np.concatenate([[True], is_first | ~follows | (jumps & is_far)])


def build(
    structure: Structure,
    is_break: Bool[np.ndarray, " n"],
    disulfides: tuple[Disulfide, ...],
    options: RelaxOptions,
    platform: Any,
) -> Molecule:
    """Missing atoms placed by PDBFixer, hydrogens by OpenMM's Modeller at pH 7; every segment gets ends of its own."""
    from openmm import app, unit
    from pdbfixer import PDBFixer

    with _repeatable(options.seed):
        fixer = PDBFixer(pdbxfile=io.StringIO(_segments(structure, is_break)), platform=platform)
        fixer.missingResidues = {}  # gaps stay gaps
        fixer.findMissingAtoms()
        fixer.addMissingAtoms(seed=options.seed)
        modeller = app.Modeller(fixer.topology, fixer.positions)
        _bond(modeller, disulfides)
        modeller.addHydrogens(None, pH=PH, platform=platform)
    residue = np.array([atom.residue.index for atom in modeller.topology.atoms()])
    slot = np.array([ATOM_INDEX.get(atom.name, -1) for atom in modeller.topology.atoms()])
    return Molecule(
        topology=modeller.topology,
        positions=np.array(modeller.positions.value_in_unit(unit.angstrom)),
        residue=residue,
        slot=slot,
        is_given=(slot >= 0) & (structure.mask[residue, slot] > 0),
    )


def _segments(structure: Structure, is_break: np.ndarray) -> str:
    """mmCIF in which every unbroken stretch is a chain; mmCIF because the PDB format is too narrow for large ones."""
    segment = np.cumsum(is_break) - 1
    number = np.arange(len(structure)) + 1
    named = replace(
        structure,
        chain_ids=tuple(str(i + 1) for i in range(segment[-1] + 1)),
        chain_index=segment,
        residue_index=number,
        author_numbers=number,
        insertion_codes=np.full(len(structure), ""),
    )
    return modelcif_text(named, ModelDetails())


def _bond(modeller: Any, disulfides: tuple[Disulfide, ...]) -> None:
    """These disulfide bonds, and no others. In place."""
    others = [bond for bond in modeller.topology.bonds() if bond[0].name == bond[1].name == "SG"]
    modeller.delete(others)
    sulphur = {atom.residue.index: atom for atom in modeller.topology.atoms() if atom.name == "SG"}
    for bond in disulfides:
        modeller.topology.addBond(sulphur[bond.first], sulphur[bond.second])


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """The same places for new hydrogens every time: OpenMM draws them from Python's generator."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
