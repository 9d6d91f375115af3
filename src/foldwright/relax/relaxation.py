"""Restrained minimisation, with the residues released that still have violations (AF2 Suppl. 1.8.6)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from foldwright import interrupts
from foldwright.chem.atoms import ATOM_INDEX, ATOM_TYPES
from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.relax.chirality import is_mirrored
from foldwright.relax.disulfides import find_disulfides
from foldwright.relax.minimise import FORCE_FIELD, Minimiser, Minimum, choose_platform
from foldwright.relax.molecule import Molecule, build
from foldwright.relax.naming import listed, residue_name, residue_names
from foldwright.relax.options import RelaxOptions
from foldwright.relax.subject import OXT, Subject
from foldwright.relax.violations import StructureViolations, structure_violations

NEIGHBOURHOOD = 6.0  # angstrom between alpha carbons
MOST_STRAINED = 5  # residues that are named when a minimisation fails


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

    number: int  # from 1
    structure: Structure
    minimum: Minimum
    released: Bool[np.ndarray, " n"]  # residues that were not restrained
    softened: Bool[np.ndarray, " n"]  # residues whose atoms could pass through each other at first
    violations: StructureViolations

    @property
    def num_violating(self) -> int:
        """Residues that still have violations."""
        return int(self.violations.residues.sum())

    def __str__(self) -> str:
        return f"round {self.number}: {self.num_violating} residues with violations left"


def relax_structure(
    structure: Structure, options: RelaxOptions | None = None, report: Callable[[Round], None] | None = None
) -> Relaxed:
    """Relieve clashes and bad bonds of a prediction, changing as little as possible (AF2 Suppl. 1.8.6).

    Atoms that were missing are added; residues without any atom stay so. `report` hears of every round. Raises
    InputError, which names the residues, for what the force field cannot describe.
    """
    options = options or RelaxOptions()
    begun = time.perf_counter()
    platform = choose_platform(options)
    subject = Subject.of(structure, options)
    disulfides = find_disulfides(subject.structure, options.disulfide)
    molecule = build(subject, disulfides, options, platform)
    minimiser = Minimiser(molecule, options, platform)
    start = minimiser.energy()
    rounds: list[Round] = []
    for item in _rounds(subject, molecule, minimiser, options):
        rounds.append(item)
        if report is not None:
            report(item)
    best = min(rounds, key=lambda item: item.num_violating)  # the first of the best
    record = {
        "method": "restrained minimisation, AF2 Suppl. 1.8.6",
        "force_field": FORCE_FIELD.removesuffix(".xml"),
        "platform": platform.getName(),
        "versions": {name: version(name) for name in ("openmm", "pdbfixer")},
        "options": asdict(options),
        **_outcome(subject, best),
        "energy": {"before": _rounded(start), "after": _rounded(best.minimum.energy)},
        "rounds": [_round_record(subject, item) for item in rounds],
        "disulfides": [bond.record(subject.structure, best.structure) for bond in disulfides],
        **subject.record,
    }
    relaxed = _put_back(structure, subject, best.structure, options)
    return Relaxed(structure=relaxed, record=record, seconds=time.perf_counter() - begun)


def _rounds(subject: Subject, molecule: Molecule, minimiser: Minimiser, options: RelaxOptions) -> Iterator[Round]:
    """Minimise, release what still has violations, and again from there.

    Residues whose release did not help are caught in each other, such as a bond in a ring; with those around them they
    begin the next round with atoms that may pass through each other. `patience` rounds that bring nothing end it.
    """
    released = caught = np.zeros(len(subject.structure), bool)
    fewest, fewest_at = len(subject.structure) + 1, 0
    for number in range(options.max_rounds):
        interrupts.check()
        # DISCREPANCY(AF2 Suppl. 1.8.6): the released code holds atoms where each round begins; here, as the text says,
        # near the input. Atoms that were added have no place to be held to.
        minimiser.restrain(molecule.positions, molecule.is_given & ~released[molecule.residue])
        if caught.any():
            minimiser.soften(caught[molecule.residue], options.seed + number)
        minimum = _minimise(subject, molecule, minimiser)
        structure = _with_atoms(subject, molecule, minimum.positions)
        found = structure_violations(structure, subject.is_break)
        item = Round(number + 1, structure, minimum, released, caught, found)
        yield item
        if item.num_violating < fewest:
            fewest, fewest_at = item.num_violating, number
        if not fewest or number - fewest_at >= options.patience:
            return
        # Those around are let go only when it did not suffice that they are soft.
        caught, released = _around(found.residues & released, structure), released | found.residues | caught


def _around(residues: Bool[np.ndarray, " n"], structure: Structure) -> Bool[np.ndarray, " n"]:
    """These residues and those near them."""
    alpha = structure.positions[:, ATOM_INDEX["CA"]]
    distances = np.linalg.norm(alpha[:, None] - alpha[residues], axis=-1)
    return (distances < NEIGHBOURHOOD).any(axis=1)


def _minimise(subject: Subject, molecule: Molecule, minimiser: Minimiser) -> Minimum:
    """A minimum; else an InputError with the residues on which the forces are greatest."""
    from openmm import OpenMMException

    try:
        minimum = minimiser.minimise()
    except OpenMMException as error:
        raise _failure(subject, molecule, minimiser, str(error)) from error
    if not np.isfinite(minimum.positions).all():
        raise _failure(subject, molecule, minimiser, "atoms flew apart")
    return minimum


def _failure(subject: Subject, molecule: Molecule, minimiser: Minimiser, reason: str) -> InputError:
    forces = np.nan_to_num(np.linalg.norm(minimiser.forces(), axis=1), nan=np.inf, posinf=np.inf)
    worst = np.zeros(len(subject.structure))
    np.maximum.at(worst, molecule.residue, forces)
    names = listed(residue_names(subject.structure, np.argsort(-worst, kind="stable")[:MOST_STRAINED]))
    message = f"the minimisation failed ({reason}); the greatest forces are on {names}."
    return InputError(message, remedy="Is the structure wrong there? Remove these residues, or predict it again.")


def _with_atoms(subject: Subject, molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Structure:
    """The heavy atoms in their slots; those that were added have the B factor of their residue."""
    # An end made for a gap has an OXT that the residue does not have.
    is_real = molecule.is_given | (molecule.slot != OXT) | subject.is_terminus[molecule.residue]
    is_wanted = (molecule.slot >= 0) & is_real
    given, residue, slot = subject.structure, molecule.residue[is_wanted], molecule.slot[is_wanted]
    moved, mask, b_factors = given.positions.copy(), given.mask.copy(), given.b_factors.copy()
    moved[residue, slot] = positions[is_wanted]
    mask[residue, slot] = 1
    added = mask > given.mask
    b_factors[added] = given.residue_b_factors[np.nonzero(added)[0]]
    return replace(given, positions=moved, mask=mask, b_factors=b_factors)


def _put_back(structure: Structure, subject: Subject, relaxed: Structure, options: RelaxOptions) -> Structure:
    """The whole structure again, with the residues that were not relaxed."""
    names = ["positions", "mask", "b_factors"]
    if options.takes_parents:
        names += ["residue_names", "is_hetero"]
    arrays = {name: getattr(structure, name).copy() for name in names}
    for name, array in arrays.items():
        array[subject.places] = getattr(relaxed, name)
    return replace(structure, **arrays)


def _outcome(subject: Subject, last: Round) -> dict[str, Any]:
    """Violations before and after, what is left of them, what was moved and added."""
    before = structure_violations(subject.structure, subject.is_break)
    return {
        "violations": {
            "before": before.record(subject.structure),
            "after": last.violations.record(subject.structure),
        },
        "unresolved": subject.names(last.violations.residues),
        "mirrored": {
            "before": subject.names(is_mirrored(subject.structure)),
            "after": subject.names(is_mirrored(last.structure)),
        },
        "displacement": _displacement(subject.structure, last.structure),
        "added": _added(subject.structure, last.structure),
    }


def _displacement(before: Structure, after: Structure) -> dict[str, float]:
    """How far atoms that were given have moved, without superposition, angstrom."""
    squares = ((after.positions - before.positions) ** 2).sum(-1)
    heavy, alpha = squares[before.mask > 0], squares[:, ATOM_INDEX["CA"]]
    means = {"rmsd": heavy.mean(), "rmsd_ca": alpha.mean(), "max": heavy.max()}
    return {name: round(float(np.sqrt(square)), 3) for name, square in means.items()}


def _added(before: Structure, after: Structure) -> dict[str, list[str]]:
    """Heavy atoms that were missing, by residue."""
    found: dict[str, list[str]] = {}
    for residue, slot in zip(*np.nonzero(after.mask > before.mask), strict=True):
        found.setdefault(residue_name(before, int(residue)), []).append(ATOM_TYPES[slot])
    return found


def _round_record(subject: Subject, item: Round) -> dict[str, Any]:
    return {
        "released": subject.names(item.released),
        "softened": subject.names(item.softened),
        "violations": item.num_violating,
        "energy": _rounded(item.minimum.energy),
        "restraint_energy": _rounded(item.minimum.restraint_energy),
        "steps": item.minimum.steps,
        "converged": item.minimum.is_converged,
    }


def _rounded(energy: float) -> float | None:
    """kcal/mol; None for an energy that is not finite, which JSON cannot say."""
    return round(energy, 3) if math.isfinite(energy) else None
