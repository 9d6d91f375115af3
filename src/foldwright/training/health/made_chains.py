"""Chains made up in memory, for looking at a network in training without any data."""

from __future__ import annotations

import numpy as np
import torch

from foldwright.chem.residues import aatype_to_sequence
from foldwright.features.structure import atom37_from_atom14
from foldwright.geometry.rigid import Rigid
from foldwright.io.alignment import Alignment
from foldwright.models.af2.structure_module import all_atom_coordinates
from foldwright.training.data.chain import Chain

# An ideal alpha helix in cylindrical coordinates: radius (angstrom), angle (degrees) and height (angstrom) of N, CA, C.
HELIX = np.array([[1.54, -27.3, -0.88], [2.29, 0.0, 0.0], [1.66, 27.4, 1.05]])
TURN, RISE = 100.0, 1.5  # degrees and angstrom per residue
CONSERVED = 0.6  # of the letters of a relative are those of the query


def made_chain(number: int, length: int, num_rows: int) -> Chain:
    """A helix with side chains turned at random, and relatives of its random sequence."""
    rng = np.random.default_rng(number)
    aatype = rng.integers(0, 20, length)
    residues = torch.from_numpy(aatype)
    angles = torch.from_numpy(rng.uniform(-np.pi, np.pi, (length, 7))).float()
    angles[:, 2] = np.radians(-47)  # psi of a helix, which places O
    torsions = torch.stack([angles.sin(), angles.cos()], dim=-1)
    _, atoms = all_atom_coordinates(_helix(length), torsions, residues)
    positions, mask = atom37_from_atom14(residues, atoms, torch.ones(length, 14))
    return Chain(
        id=f"made_{number}",
        aatype=aatype.astype(np.int8),
        residue_index=np.arange(length, dtype=np.int32),
        positions=(positions * mask[..., None]).numpy(),
        mask=mask.numpy().astype(bool),
        resolution=2.0,
        split="train",
        alignment=_relatives(aatype_to_sequence(aatype), num_rows, rng),
    )


def _helix(length: int) -> Rigid:
    """The backbone frames of a helix along z."""
    radius, angle, height = (torch.from_numpy(HELIX).float().T[i] for i in range(3))
    place = torch.arange(length)[:, None]
    angle = torch.deg2rad(angle + TURN * place)
    points = torch.stack([radius * angle.cos(), radius * angle.sin(), height + RISE * place], dim=-1)
    n, ca, c = points.unbind(-2)
    return Rigid.from_3_points(n, ca, c)


def _relatives(query: str, num_rows: int, rng: np.random.Generator) -> Alignment:
    letters = np.frombuffer(query.encode(), np.uint8)
    other = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY-", np.uint8)[rng.integers(0, 21, (num_rows, len(query)))]
    rows = np.where(rng.random(other.shape) < CONSERVED, letters, other)
    rows[0] = letters
    deletions = rng.poisson(0.05, rows.shape).astype(np.int32) * (rows != ord("-"))
    return Alignment.of_letters(rows, deletions, ["query", *(f"made {i}" for i in range(1, num_rows))])
