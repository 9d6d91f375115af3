"""Atoms in the same place: no force says in which direction they part, so chance does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.relax.naming import listed, residue_names

SAME_PLACE = 0.1  # angstrom
PUSH = 0.3  # angstrom, standard deviation in each direction
ATTEMPTS = 10
MOST_COINCIDENT = 0.05  # of all atoms; with more it is a heap, and what came out would be chance
BLOCK = 512  # atoms compared with all others at a time


def separated(structure: Structure, seed: int) -> tuple[Structure, Int[np.ndarray, " moved"]]:
    """The structure with atoms that share a place pushed apart, and the residues of those pushed.

    Raises InputError, with the residues' names, if these are so many that this is no structure.
    """
    generator = np.random.default_rng(seed)
    residue, slot = np.nonzero(structure.mask)
    points = structure.positions[residue, slot].copy()
    pushed = np.zeros(len(points), bool)
    _check_is_no_heap(structure, residue, _coincident(points))
    for _ in range(ATTEMPTS):
        found = _coincident(points)
        if not len(found):
            break
        points[found] += generator.normal(scale=PUSH, size=(len(found), 3)).astype(points.dtype)
        pushed[found] = True
    positions = structure.positions.copy()
    positions[residue, slot] = points
    return replace(structure, positions=positions), np.unique(residue[pushed])


def _check_is_no_heap(structure: Structure, residue: np.ndarray, coincident: np.ndarray) -> None:
    if len(coincident) > MOST_COINCIDENT * len(residue):
        names = listed(residue_names(structure, np.unique(residue[coincident])))
        message = f"{len(coincident):,} of {len(residue):,} atoms lie upon others, in {names}."
        raise InputError(message, remedy="This is a heap of atoms; there is no structure to relax.")


def _coincident(points: Float[np.ndarray, "atoms 3"]) -> Int[np.ndarray, " found"]:
    """Atoms that have the place of an earlier one."""
    places = torch.from_numpy(points)
    found = []
    for block in torch.arange(len(places)).split(BLOCK):
        earlier = torch.arange(len(places)) < block[:, None]
        distances = torch.cdist(places[block], places, compute_mode="donot_use_mm_for_euclid_dist")
        found.append(block[((distances < SAME_PLACE) & earlier).any(1)])
    return torch.cat(found).numpy()
