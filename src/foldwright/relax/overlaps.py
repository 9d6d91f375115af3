"""Atoms in the same place: no force says in which direction they part, so chance does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from foldwright.io.structure import Structure

SAME_PLACE = 0.1  # angstrom
PUSH = 0.3  # angstrom, standard deviation in each direction
ATTEMPTS = 10
BLOCK = 512  # atoms compared with all others at a time


def separated(structure: Structure, seed: int) -> tuple[Structure, Int[np.ndarray, " moved"]]:
    """The structure with atoms that share a place pushed apart, and the residues of those pushed."""
    generator = np.random.default_rng(seed)
    residue, slot = np.nonzero(structure.mask)
    points = structure.positions[residue, slot].copy()
    pushed = np.zeros(len(points), bool)
    for _ in range(ATTEMPTS):
        found = _coincident(points)
        if not len(found):
            break
        points[found] += generator.normal(scale=PUSH, size=(len(found), 3)).astype(points.dtype)
        pushed[found] = True
    positions = structure.positions.copy()
    positions[residue, slot] = points
    return replace(structure, positions=positions), np.unique(residue[pushed])


def coincident_residues(structure: Structure) -> Int[np.ndarray, " found"]:
    """Residues with an atom in the place of another."""
    residue, slot = np.nonzero(structure.mask)
    return np.unique(residue[_coincident(structure.positions[residue, slot])])


def _coincident(points: Float[np.ndarray, "atoms 3"]) -> Int[np.ndarray, " found"]:
    """Atoms that have the place of an earlier one."""
    places = torch.from_numpy(points)
    found = []
    for block in torch.arange(len(places)).split(BLOCK):
        earlier = torch.arange(len(places)) < block[:, None]
        distances = torch.cdist(places[block], places, compute_mode="donot_use_mm_for_euclid_dist")
        found.append(block[((distances < SAME_PLACE) & earlier).any(1)])
    return torch.cat(found).numpy()
