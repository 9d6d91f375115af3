"""A structure as the force field needs it: whole residues with hydrogens, bonds, and ends where the chain ends."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.residues import RESTYPE_INDEX
from foldwright.io.modelcif import ModelDetails, modelcif_text
from foldwright.io.structure import Structure
from foldwright.relax.disulfides import Disulfide
from foldwright.relax.options import RelaxOptions
from foldwright.relax.subject import Subject

GLY = RESTYPE_INDEX["G"]
# CB - CA in terms of CA - N, C - CA and their cross product: 1.53 angstrom, 110 degrees to both bonds, L configuration.
IDEAL_CB = np.array([0.568, -0.541, -0.583], np.float32)
PH = 7.0  # decides which residues are charged


@dataclass(frozen=True, kw_only=True, eq=False)
class Molecule:
    """Every atom, hydrogens included, in the order of the topology."""

    topology: Any  # openmm.app.Topology
    positions: Float[np.ndarray, "atoms 3"]  # angstrom
    residue: Int[np.ndarray, " atoms"]  # of the structure that it was made of
    slot: Int[np.ndarray, " atoms"]  # among the 37; -1 for hydrogens
    is_given: Bool[np.ndarray, " atoms"]  # the structure had this atom


def build(subject: Subject, disulfides: tuple[Disulfide, ...], options: RelaxOptions, platform: Any) -> Molecule:
    """Missing atoms placed by PDBFixer, hydrogens by OpenMM's Modeller at pH 7; every segment gets ends of its own."""
    from openmm import app, unit
    from pdbfixer import PDBFixer

    with _repeatable(options.seed):
        fixer = PDBFixer(
            pdbxfile=io.StringIO(_segments(_with_beta_carbons(subject.structure), subject.is_break)), platform=platform
        )
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
        is_given=(slot >= 0) & (subject.structure.mask[residue, slot] > 0),
    )


def _with_beta_carbons(structure: Structure) -> Structure:
    """The structure with missing CB where they ideally are.

    PDBFixer lays the residue's template over the atoms that are there; four that lie almost in a plane fit its mirror
    image as well, and D amino acids came out.
    """
    n, ca, c, cb = (ATOM_INDEX[name] for name in ("N", "CA", "C", "CB"))
    is_missing = (structure.aatype != GLY) & (structure.mask[:, cb] == 0)
    positions, mask = structure.positions.copy(), structure.mask.copy()
    before, after = positions[:, ca] - positions[:, n], positions[:, c] - positions[:, ca]
    place = positions[:, ca] + np.stack([before, after, np.cross(before, after)], -1) @ IDEAL_CB
    positions[is_missing, cb], mask[is_missing, cb] = place[is_missing], 1
    return replace(structure, positions=positions, mask=mask)


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
