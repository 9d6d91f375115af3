"""Bond lengths and angles, and the distances between atoms that follow from them (AF2 Suppl. 1.9.11)."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from foldwright.chem.atoms import ATOM14_NAMES, VDW_RADIUS
from foldwright.chem.residues import RESTYPE_NAMES
from foldwright.chem.rigid_groups import read_table


@dataclass(frozen=True)
class Bond:
    """A bond of a residue: length and its standard deviation in angstrom."""

    atoms: tuple[str, str]
    length: float
    stddev: float


@dataclass(frozen=True)
class Angle:
    """An angle of a residue at its second atom: value and standard deviation in radians."""

    atoms: tuple[str, str, str]
    angle: float
    stddev: float


# The peptide bond, (any residue, proline) for the second residue; Engh & Huber (1991).
C_N_LENGTH, C_N_LENGTH_STDDEV = (1.329, 1.341), (0.014, 0.016)
COS_C_N_CA, COS_C_N_CA_STDDEV = -0.5203, 0.0353  # 121.352 +- 2.315 degrees
COS_CA_C_N, COS_CA_C_N_STDDEV = -0.4473, 0.0311  # 116.568 +- 1.995 degrees
CA_CA_DISTANCE = 3.80209737096  # between neighbours with a trans peptide bond


@cache
def residue_bonds() -> dict[str, tuple[Bond, ...]]:
    """Covalent bonds within each amino acid, by three-letter name."""
    rows = [(row, tuple(row["atoms"].split("-"))) for row in read_table("bonds_and_angles.tsv")]
    return {
        residue: tuple(
            Bond(atoms, float(row["mean"]), float(row["stddev"]))
            for row, atoms in rows
            if row["residue"] == residue and len(atoms) == 2
        )
        for residue in RESTYPE_NAMES
    }


@cache
def residue_angles() -> dict[str, tuple[Angle, ...]]:
    """Bond angles within each amino acid, by three-letter name."""
    rows = [(row, tuple(row["atoms"].split("-"))) for row in read_table("bonds_and_angles.tsv")]
    return {
        residue: tuple(
            Angle(atoms, np.deg2rad(float(row["mean"])), np.deg2rad(float(row["stddev"])))
            for row, atoms in rows
            if row["residue"] == residue and len(atoms) == 3
        )
        for residue in RESTYPE_NAMES
    }


def angle_to_distance(angle: Angle, first: Bond, second: Bond) -> Bond:
    """The distance between the ends of an angle, by the law of cosines, with its errors propagated to first order."""
    a, b, gamma = first.length, second.length, angle.angle
    distance = np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(gamma))
    by_gamma = a * b * np.sin(gamma) / distance
    by_a = (a - b * np.cos(gamma)) / distance
    by_b = (b - a * np.cos(gamma)) / distance
    stddev = np.sqrt((by_gamma * angle.stddev) ** 2 + (by_a * first.stddev) ** 2 + (by_b * second.stddev) ** 2)
    return Bond((angle.atoms[0], angle.atoms[2]), distance, stddev)


def fixed_distances(residue: str) -> list[Bond]:
    """Pairs one or two bonds apart: their distance hardly depends on torsions."""
    bonds = residue_bonds()[residue]
    between = {frozenset(bond.atoms): bond for bond in bonds}
    across = [
        angle_to_distance(angle, between[frozenset(angle.atoms[:2])], between[frozenset(angle.atoms[1:])])
        for angle in residue_angles()[residue]
    ]
    return [*bonds, *across]


def atom14_distance_bounds(
    overlap_tolerance: float = 1.5, bond_length_tolerance_factor: float = 15.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and greatest distance of every two atoms of a residue, and the standard deviation of fixed ones.

    AF2 Suppl. 1.9.11: bonded atoms and ends of an angle may deviate by `bond_length_tolerance_factor` standard
    deviations; all others may overlap by `overlap_tolerance` (angstrom). Three arrays [21, 14, 14]; 0 where no atom is.
    """
    lower, upper, stddev = (np.zeros((21, 14, 14), dtype=np.float32) for _ in range(3))
    for i, residue in enumerate(RESTYPE_NAMES):
        names = ATOM14_NAMES[residue]
        radii = np.array([VDW_RADIUS[name[0]] for name in names])
        apart = ~np.eye(len(names), dtype=bool)
        present = slice(len(names))
        lower[i, present, present] = (radii[:, None] + radii - overlap_tolerance) * apart
        upper[i, present, present] = 1e10 * apart
        for pair in fixed_distances(residue):
            j, k = (names.index(name) for name in pair.atoms)
            slack = bond_length_tolerance_factor * pair.stddev
            lower[i, j, k] = lower[i, k, j] = pair.length - slack
            upper[i, j, k] = upper[i, k, j] = pair.length + slack
            stddev[i, j, k] = stddev[i, k, j] = pair.stddev
    return lower, upper, stddev
