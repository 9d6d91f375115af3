"""How much of each residue water can touch."""

import numpy as np
from jaxtyping import Float, Int

from foldwright.geometry.neighbours import pairs_within

WATER = 1.4  # angstrom; radii as in Kabsch & Sander 1983
BACKBONE_RADII = {"N": 1.65, "CA": 1.87, "C": 1.76, "O": 1.4}
SIDE_CHAIN_RADIUS = 1.8
NUM_POINTS = 401  # on each atom's sphere


def residue_accessibility(
    positions: Float[np.ndarray, "atoms 3"],
    names: np.ndarray,
    residue: Int[np.ndarray, " atoms"],
) -> Float[np.ndarray, " residues"]:
    """The area in square angstrom that a water's centre can reach around the heavy atoms of each residue.

    Shrake & Rupley 1973 with the radii and the spiral of points of DSSP (Kabsch & Sander 1983). `residue` counts from
    0. Atoms that are not given hide nothing.
    """
    radii = np.array([BACKBONE_RADII.get(str(name), SIDE_CHAIN_RADIUS) for name in names]) + WATER
    reach = 2 * (max(BACKBONE_RADII.values()) + WATER)
    areas = _free_fraction(positions.astype(np.float64), radii, reach) * 4 * np.pi * radii**2
    return np.bincount(residue, areas, minlength=int(residue.max(initial=-1)) + 1).astype(np.float64)


def sphere_points(count: int = NUM_POINTS) -> Float[np.ndarray, "count 3"]:
    """Points spread evenly over the unit sphere along a spiral of the golden ratio."""
    half, golden = count // 2, (1 + 5**0.5) / 2
    i = np.arange(-half, half + 1)
    latitude, longitude = np.arcsin(2 * i / count), np.fmod(i, golden) * 2 * np.pi / golden
    across = np.cos(latitude)
    return np.stack([np.sin(longitude) * across, np.cos(longitude) * across, np.sin(latitude)], axis=-1)


def _free_fraction(
    positions: Float[np.ndarray, "atoms 3"], radii: Float[np.ndarray, " atoms"], reach: float
) -> Float[np.ndarray, " atoms"]:
    """How much of each sphere lies in no other."""
    i, j = pairs_within(positions, reach)
    first, second = np.concatenate([i, j]), np.concatenate([j, i])
    order = np.argsort(first, kind="stable")
    neighbours = np.split(second[order], np.cumsum(np.bincount(first, minlength=len(positions)))[:-1])
    points, free = sphere_points(), np.empty(len(positions))
    for atom in range(len(positions)):
        others = neighbours[atom]
        towards = positions[others] - positions[atom]
        square = np.square(towards).sum(-1) + radii[atom] ** 2 - radii[others] ** 2
        free[atom] = (points @ towards.T <= square / (2 * radii[atom])).all(-1).mean()
    return free
