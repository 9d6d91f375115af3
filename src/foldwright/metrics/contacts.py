"""Residues of two chains that touch."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

CUTOFF = 8.0  # angstrom between beta carbons, alpha of glycine; Bryant et al. (2022)


def interface_contacts(
    positions: Float[Tensor, "a 3"],
    mask: Float[Tensor, " a"],
    other_positions: Float[Tensor, "b 3"],
    other_mask: Float[Tensor, " b"],
    cutoff: float = CUTOFF,
) -> Bool[Tensor, "a b"]:
    """Which residues of one chain (rows) lie within the cutoff of which of the other (columns); unknown ones never."""
    # Distances by matrix product would be a few hundredths of an angstrom off, enough to move pairs over the border.
    distances = torch.cdist(positions, other_positions, compute_mode="donot_use_mm_for_euclid_dist")
    return (distances <= cutoff) & (mask[:, None] > 0) & (other_mask > 0)
