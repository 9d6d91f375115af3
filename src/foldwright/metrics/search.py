"""The superposition that suits most points rather than all: what TM-score and GDT look for.

Zemla (2003) Nucleic Acids Res. 31, 3370; Zhang & Skolnick (2004) Proteins 57, 702.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.superpose import superpose

MOST_SEEDS = 60  # windows of each length to start from; longer chains skip some
MOST_ROUNDS = 20


def distances_of_superpositions(
    positions: Float[Tensor, "points 3"], true_positions: Float[Tensor, "points 3"], radius: float
) -> Float[Tensor, "seeds points"]:
    """Distances between corresponding points after each of many superpositions.

    Each starts from a stretch of the chain and is refined on the points that came within `radius` angstrom.
    """
    found = []
    for weights in _windows(len(positions), positions):
        for _ in range(MOST_ROUNDS):
            distances = _superposed(positions, true_positions, weights)
            found.append(distances)
            refined = _within(distances, radius)
            has_moved = (refined != weights).any(-1)
            if not has_moved.any():
                break
            weights = refined[has_moved].unique(dim=0)
    return torch.cat(found)


def _windows(count: int, like: Tensor) -> Iterator[Tensor]:
    """Stretches of the whole, a half, a quarter ... of the chain, as weights [seeds points]."""
    length = count
    while True:
        starts = torch.arange(0, count - length + 1, max(1, (count - length) // MOST_SEEDS), device=like.device)
        place = torch.arange(count, device=like.device)
        yield ((place >= starts[:, None]) & (place < starts[:, None] + length)).to(like)
        if length <= 4:
            return
        length = max(length // 2, 4)


def _superposed(positions: Tensor, true_positions: Tensor, weights: Tensor) -> Tensor:
    shape = (*weights.shape, 3)
    motion = superpose(positions.expand(shape), true_positions.expand(shape), weights)
    return torch.linalg.vector_norm(motion[..., None].apply(positions) - true_positions, dim=-1)


def _within(distances: Tensor, radius: float) -> Tensor:
    """1 for points closer than `radius`, which grows where fewer than three are."""
    third = distances.kthvalue(min(3, distances.shape[-1]), dim=-1, keepdim=True).values
    return (distances <= third.clamp(min=radius)).to(distances)
