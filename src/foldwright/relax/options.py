"""What a person may choose about relaxation."""

from __future__ import annotations

from dataclasses import dataclass

from foldwright.errors import InputError

PLATFORMS = ("CUDA", "HIP", "OpenCL", "CPU", "Reference")  # of OpenMM, the fastest first


@dataclass(frozen=True, kw_only=True)
class RelaxOptions:
    """Restrained minimisation in the Amber99SB force field (AF2 Suppl. 1.8.6).

    stiffness     of the restraints on heavy atoms, kcal/mol/Å²
    tolerance     root mean square force at which a minimisation has converged, kJ/mol/nm
    max_rounds    minimisations, each with the residues released that still had violations
    patience      minimisations without fewer residues with violations, after which it gives up
    max_steps     of one minimisation; 0 for no limit
    platform      of OpenMM, or auto: the fastest that works here
    threads       of the CPU platform; None leaves the choice to OpenMM
    disulfide     sulphur atoms of two cysteines nearer than this are bonded, Å
    seed          of the places where hydrogens and missing atoms begin
    takes_parents a modified residue is relaxed, and written, as the amino acid it was made of
    """

    stiffness: float = 10.0  # AF2 Suppl. 1.8.6
    # DISCREPANCY(AF2 Suppl. 1.8.6): the paper has an energy, 2.39 kcal/mol = 10 kJ/mol. That was how OpenMM 7 named its
    # default; OpenMM 8 gives the same number, which it has always held against the force, its true unit.
    tolerance: float = 10.0
    max_rounds: int = 10  # the paper has no limit
    patience: int = 3  # one to release residues, one to soften them, one to let go of those around them
    max_steps: int = 0  # AF2 Suppl. 1.8.6: unbounded
    platform: str = "auto"
    threads: int | None = None
    disulfide: float = 3.0  # as OpenMM finds them
    seed: int = 0
    takes_parents: bool = False

    def __post_init__(self) -> None:
        least = {"stiffness": 0, "max_rounds": 1, "patience": 1, "max_steps": 0, "disulfide": 0, "seed": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise _wrong(name, getattr(self, name), f"Give at least {bound}.")
        if not self.tolerance > 0:
            raise _wrong("tolerance", self.tolerance, "Give a force above 0.")
        if self.threads is not None and self.threads < 1:
            raise _wrong("threads", self.threads, "Give at least 1.")
        if self.platform not in ("auto", *PLATFORMS):
            raise _wrong("platform", self.platform, f"Choose auto or one of {', '.join(PLATFORMS)}.")


def _wrong(name: str, value: object, remedy: str) -> InputError:
    return InputError(f"{value} is not possible.", field=f"--{name.replace('_', '-')}", remedy=remedy)
