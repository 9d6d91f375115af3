"""Minimisation of the Amber99SB energy under harmonic restraints, with OpenMM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.relax.molecule import Molecule
from foldwright.relax.options import PLATFORMS, RelaxOptions
from foldwright.relax.softening import KJ_PER_KCAL, soften

FORCE_FIELD = "amber99sb.xml"  # AF2 Suppl. 1.8.6
RESTRAINTS = 1  # force group; all that belongs to the force field is in group 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Minimum:
    """Where a minimisation ended."""

    positions: Float[np.ndarray, "atoms 3"]  # angstrom
    energy: float  # of the force field alone, kcal/mol
    restraint_energy: float  # kcal/mol
    steps: int
    is_converged: bool


class Minimiser:
    """One molecule on one platform, minimised as often as wanted, from where it is."""

    def __init__(self, molecule: Molecule, options: RelaxOptions, platform: Any):
        import openmm
        from openmm import app

        self.options, self.molecule, self.platform = options, molecule, platform
        self.system = app.ForceField(FORCE_FIELD).createSystem(molecule.topology, constraints=app.HBonds)
        self.restraints = _restraints(molecule)
        self.system.addForce(self.restraints)
        self.context = openmm.Context(self.system, openmm.VerletIntegrator(0.001), platform)
        self.place(molecule.positions)

    def place(self, positions: Float[np.ndarray, "atoms 3"]) -> None:
        """Move the atoms; angstrom."""
        self.context.setPositions(positions / 10)

    def soften(self, is_free: Bool[np.ndarray, " atoms"], seed: int) -> None:
        """Let these atoms, whole residues, pass through what they are caught in."""
        self.place(soften(self.system, self.platform, self.molecule, self.positions(), is_free, seed))

    def restrain(self, positions: Float[np.ndarray, "atoms 3"], is_held: Bool[np.ndarray, " atoms"]) -> None:
        """Hold these atoms near these places; angstrom."""
        k = self.options.stiffness * KJ_PER_KCAL * 100  # per square angstrom to per square nanometre
        for i in range(self.restraints.getNumParticles()):
            atom, _ = self.restraints.getParticleParameters(i)
            self.restraints.setParticleParameters(i, atom, [k * bool(is_held[atom]), *(positions[atom] / 10).tolist()])
        self.restraints.updateParametersInContext(self.context)

    def energy(self, group: int = 0) -> float:
        """kcal/mol of the force field, or of the restraints."""
        from openmm import unit

        state = self.context.getState(energy=True, groups=1 << group)
        return state.getPotentialEnergy().value_in_unit(unit.kilocalorie_per_mole)

    def forces(self) -> Float[np.ndarray, "atoms 3"]:
        """kcal/mol/Å of the force field."""
        from openmm import unit

        state = self.context.getState(forces=True, groups=1)
        return state.getForces(asNumpy=True).value_in_unit(unit.kilocalorie_per_mole / unit.angstrom)

    def positions(self) -> Float[np.ndarray, "atoms 3"]:
        """Where the atoms are, angstrom."""
        from openmm import unit

        return self.context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)

    def minimise(self) -> Minimum:
        """Go downhill until the forces are small (L-BFGS). Raises OpenMMException if they are not finite."""
        import openmm

        counter = _counter()
        minimize: Any = openmm.LocalEnergyMinimizer.minimize  # its types say that a force is a whole number
        minimize(self.context, self.options.tolerance, self.options.max_steps, counter)
        interrupts.check()
        return Minimum(
            positions=self.positions(),
            energy=self.energy(),
            restraint_energy=self.energy(RESTRAINTS),
            steps=counter.steps,
            is_converged=not self.options.max_steps or counter.steps < self.options.max_steps,
        )


def _restraints(molecule: Molecule) -> Any:
    """One harmonic restraint for each heavy atom, as yet without strength."""
    import openmm

    force = openmm.CustomExternalForce("0.5 * k * ((x - x0)^2 + (y - y0)^2 + (z - z0)^2)")
    for name in ("k", "x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom in np.flatnonzero(molecule.slot >= 0).tolist():
        force.addParticle(atom, [0.0, *(molecule.positions[atom] / 10).tolist()])
    force.setForceGroup(RESTRAINTS)
    return force


def _counter() -> Any:
    """Counts steps, and ends a minimisation when the program is asked to stop."""
    from openmm import MinimizationReporter

    class Counter(MinimizationReporter):
        steps = 0

        def report(self, iteration, x, grad, args):
            self.steps += 1
            try:
                interrupts.check()
            except KeyboardInterrupt:  # must not cross the library; the caller looks again
                return True
            return False

    return Counter()


def choose_platform(options: RelaxOptions) -> Any:
    """The OpenMM platform asked for, else the fastest that works, set to give the same numbers every time.

    Raises InputError if OpenMM is missing or the platform is not there.
    """
    openmm = import_openmm()
    here = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    wanted = PLATFORMS if options.platform == "auto" else (options.platform,)
    for name in (name for name in wanted if name in here):
        platform = openmm.Platform.getPlatformByName(name)
        _make_repeatable(platform, options)
        if _works(platform):
            return platform
    remedy = f"OpenMM here has {', '.join(here)}; `pip install openmm[cuda12]` adds CUDA."
    raise InputError(f"OpenMM cannot use {options.platform}.", field="--platform", remedy=remedy)


def import_openmm() -> Any:
    """The library. Raises InputError that names the extra if it or PDBFixer is not installed."""
    try:
        import openmm
        import pdbfixer  # noqa: F401
    except ImportError as error:
        remedy = 'Install them with `pip install "foldwright[relax]"`.'
        raise InputError(f"relaxation needs OpenMM and PDBFixer: {error}.", remedy=remedy) from error
    return openmm


def _make_repeatable(platform: Any, options: RelaxOptions) -> None:
    properties = {"DeterministicForces": "true", "Precision": "mixed"}
    if options.threads is not None:
        properties["Threads"] = str(options.threads)
    for name in platform.getPropertyNames():
        if name in properties:
            platform.setPropertyDefaultValue(name, properties[name])


def _works(platform: Any) -> bool:
    """A library for a GPU may be there without the GPU."""
    import openmm

    system = openmm.System()
    system.addParticle(1.0)
    try:
        openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    except openmm.OpenMMException:
        return False
    return True
