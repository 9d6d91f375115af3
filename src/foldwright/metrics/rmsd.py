"""Root mean square deviation after the best superposition (Kabsch 1976)."""

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.superpose import superpose


def superposed_distances(
    positions: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
) -> Float[Tensor, "*batch points"]:
    """How far each point lies from its true place once the known points are superposed, in angstrom."""
    motion = superpose(positions, true_positions, mask)
    return torch.linalg.vector_norm(motion[..., None].apply(positions) - true_positions, dim=-1)


def rmsd(
    positions: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
) -> Float[Tensor, "*batch"]:
    """In angstrom, over the points whose mask is 1."""
    squared = superposed_distances(positions, true_positions, mask).square()
    return ((squared * mask).sum(-1) / mask.sum(-1)).sqrt()
