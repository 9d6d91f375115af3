"""Out of minima such as a bond through a ring, which no force field leaves: atoms may pass through each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from foldwright.relax.molecule import Molecule

# s is the mean of two atoms' Lennard-Jones diameters. Nearer than that they repel each other, in the same place by e.
REPULSION = "e * step(s - r) * (1 - r / s)^2; s = 0.5 * (s1 + s2)"
STRENGTHS = (20.0, 200.0)  # kcal/mol, one after the other
JOLT = 0.2  # angstrom: in the middle of a ring nothing says in which direction to leave
LEAST_DIAMETER = 1.0  # angstrom; hydrogens of hydroxyl groups have none
BONDS_APART = 3  # atoms up to here do not repel each other
KJ_PER_KCAL = 4.184


def soften(
    system: Any,
    platform: Any,
    molecule: Molecule,
    positions: Float[np.ndarray, "atoms 3"],
    is_free: Bool[np.ndarray, " atoms"],
    seed: int,
) -> Float[np.ndarray, "atoms 3"]:
    """Where the free atoms, whole residues, come to lie among all others, which stay; angstrom."""
    import openmm
    from openmm import unit

    soft = _soft_system(openmm.XmlSerializer.clone(system), molecule, is_free)
    context = openmm.Context(soft, openmm.VerletIntegrator(0.001), platform)
    jolt = np.random.default_rng(seed).normal(scale=JOLT, size=positions.shape) * is_free[:, None]
    context.setPositions((positions + jolt) / 10)
    for strength in STRENGTHS:
        context.setParameter("e", strength * KJ_PER_KCAL)
        openmm.LocalEnergyMinimizer.minimize(context)
    return context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)


def _soft_system(system: Any, molecule: Molecule, is_free: np.ndarray) -> Any:
    """Bonds, angles and torsions as they are; charges gone; the atoms that are not free without mass. In place."""
    import openmm
    from openmm import unit

    index = next(i for i, force in enumerate(system.getForces()) if isinstance(force, openmm.NonbondedForce))
    hard = system.getForce(index)
    soft = openmm.CustomNonbondedForce(REPULSION)
    soft.addGlobalParameter("e", 0.0)
    soft.addPerParticleParameter("s")
    for atom in range(system.getNumParticles()):
        _, diameter, _ = hard.getParticleParameters(atom)
        soft.addParticle([max(diameter.value_in_unit(unit.angstrom), LEAST_DIAMETER) / 10])
    bonds = [(first.index, second.index) for first, second in molecule.topology.bonds()]
    soft.createExclusionsFromBonds(bonds, BONDS_APART)
    soft.addInteractionGroup(np.flatnonzero(is_free).tolist(), range(len(is_free)))
    system.removeForce(index)
    system.addForce(soft)
    for atom in np.flatnonzero(~is_free).tolist():
        system.setParticleMass(atom, 0.0)
    _drop_fixed_constraints(system, is_free)
    return system


def _drop_fixed_constraints(system: Any, is_free: np.ndarray) -> None:
    """Constraints of atoms without mass are not allowed, nor needed. In place."""
    for i in reversed(range(system.getNumConstraints())):
        if not is_free[system.getConstraintParameters(i)[0]]:
            system.removeConstraint(i)
