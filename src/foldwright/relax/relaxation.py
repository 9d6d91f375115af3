"""Restrained minimisation, with the residues released that still have violations (AF2 Suppl. 1.8.6)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from foldwright import interrupts
from foldwright.chem.atoms import ATOM_INDEX
from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.relax.disulfides import find_disulfides
from foldwright.relax.minimise import FORCE_FIELD, Minimiser, Minimum, choose_platform
from foldwright.relax.molecule import Molecule, as_amino_acids, build, chain_breaks
from foldwright.relax.naming import listed, residue_names
from foldwright.relax.options import RelaxOptions
from foldwright.relax.violations import StructureViolations, structure_violations


@dataclass(frozen=True, kw_only=True)
class Relaxed:
    """The structure after relaxation, and a record of what was done that can be written as JSON.

    The record is the same whenever the same is done; the time it took is not in it.
    """

    structure: Structure
    record: dict[str, Any]
    seconds: float

    @property
    def unresolved(self) -> list[str]:
        """Residues that still have violations, by name."""
        return self.record["unresolved"]


@dataclass(frozen=True, eq=False)
class Round:
    """One minimisation and what it left."""

    structure: Structure
    minimum: Minimum
    released: Bool[np.ndarray, " n"]  # residues that were not restrained
    violations: StructureViolations


def relax_structure(structure: Structure, options: RelaxOptions | None = None) -> Relaxed:
    """Relieve clashes and bad bonds of a prediction, changing as little as possible (AF2 Suppl. 1.8.6).

    Atoms that were missing are added; residues without any atom stay so. Raises InputError, which names the residues,
    for what the force field cannot describe.
    """
    options = options or RelaxOptions()
    begun = time.perf_counter()
    platform = choose_platform(options)
    given = as_amino_acids(structure, options.takes_parents)
    is_break = chain_breaks(given)
    disulfides = find_disulfides(given, options.disulfide)
    molecule = build(given, is_break, disulfides, options, platform)
    minimiser = Minimiser(molecule, options, platform)
    before, start = structure_violations(given, is_break), minimiser.energy()
    rounds = list(_rounds(given, is_break, molecule, minimiser, options))
    last = rounds[-1]
    record = {
        "method": "restrained minimisation, AF2 Suppl. 1.8.6",
        "force_field": FORCE_FIELD.removesuffix(".xml"),
        "platform": platform.getName(),
        "versions": {name: version(name) for name in ("openmm", "pdbfixer")},
        "violations": {"before": before.record(given), "after": last.violations.record(given)},
        "energy": {"before": _rounded(start), "after": _rounded(last.minimum.energy)},
        "displacement": _displacement(given, last.structure),
        "rounds": [_round_record(given, item) for item in rounds],
        "disulfides": [bond.record(given, last.structure) for bond in disulfides],
        "unresolved": residue_names(given, np.flatnonzero(last.violations.residues)),
    }
    return Relaxed(structure=_put_back(structure, last.structure), record=record, seconds=time.perf_counter() - begun)


def _rounds(
    given: Structure, is_break: np.ndarray, molecule: Molecule, minimiser: Minimiser, options: RelaxOptions
) -> Iterator[Round]:
    """Minimise, release what still has violations and its bonded neighbours' peptide, and again from there."""
    released = np.zeros(len(given), bool)
    for _ in range(options.max_rounds):
        interrupts.check()
        minimiser.restrain(molecule.positions, molecule.is_given & ~released[molecule.residue])
        minimum = _minimise(given, molecule, minimiser)
        structure = _with_atoms(given, molecule, minimum.positions)
        found = structure_violations(structure, is_break)
        yield Round(structure, minimum, released, found)
        if not found.residues.any():
            return
        released = released | found.residues


def _minimise(given: Structure, molecule: Molecule, minimiser: Minimiser) -> Minimum:
    """A minimum; else an InputError with the residues on which the forces are greatest."""
    from openmm import OpenMMException

    try:
        return minimiser.minimise()
    except OpenMMException as error:
        forces = np.nan_to_num(np.linalg.norm(minimiser.forces(), axis=1), nan=np.inf, posinf=np.inf)
        worst = np.zeros(len(given))
        np.maximum.at(worst, molecule.residue, forces)
        names = listed(residue_names(given, np.argsort(-worst, kind="stable")[:5]))
        remedy = "Atoms there lie upon each other: such a structure cannot be mended by minimisation."
        raise InputError(
            f"the minimisation failed ({error}) with the greatest forces on {names}.", remedy=remedy
        ) from error


def _with_atoms(given: Structure, molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Structure:
    """The heavy atoms in their slots; those that were added have the B factor of their residue."""
    heavy = molecule.slot >= 0
    residue, slot = molecule.residue[heavy], molecule.slot[heavy]
    moved, mask, b_factors = given.positions.copy(), given.mask.copy(), given.b_factors.copy()
    moved[residue, slot] = positions[heavy]
    mask[residue, slot] = 1
    b_factors[residue, slot] = np.where(
        given.mask[residue, slot] > 0, b_factors[residue, slot], given.residue_b_factors[residue]
    )
    return replace(given, positions=moved, mask=mask, b_factors=b_factors)


def _put_back(structure: Structure, relaxed: Structure) -> Structure:
    """The whole structure again, with the residues that have no atoms."""
    there = structure.is_resolved
    arrays = {}
    for name in ("positions", "mask", "b_factors", "residue_names", "is_hetero"):
        arrays[name] = getattr(structure, name).copy()
        arrays[name][there] = getattr(relaxed, name)
    return replace(structure, **arrays)


def _displacement(before: Structure, after: Structure) -> dict[str, float]:
    """How far atoms that were given have moved, without superposition, angstrom."""
    squares = ((after.positions - before.positions) ** 2).sum(-1)
    heavy, ca = squares[before.mask > 0], squares[:, ATOM_INDEX["CA"]]
    return {
        "rmsd": _rounded(heavy.mean() ** 0.5),
        "rmsd_ca": _rounded(ca.mean() ** 0.5),
        "max": _rounded(heavy.max() ** 0.5),
    }


def _round_record(given: Structure, item: Round) -> dict[str, Any]:
    return {
        "released": residue_names(given, np.flatnonzero(item.released)),
        "violations": int(item.violations.residues.sum()),
        "energy": _rounded(item.minimum.energy),
        "restraint_energy": _rounded(item.minimum.restraint_energy),
        "steps": item.minimum.steps,
        "converged": item.minimum.is_converged,
    }


def _rounded(value: float) -> float:
    return round(float(value), 3)
