"""The template modelling score: 1 for the same structure, under 0.2 for unrelated ones.

Zhang & Skolnick (2004) Proteins 57, 702.
"""

import numpy as np
from jaxtyping import Float
from tmtools import tm_align
from torch import Tensor

from foldwright.metrics.search import distances_of_superpositions


def tm_scale(length: int) -> float:
    """d0 in angstrom: the distance that counts half, so that chance does not depend on the length."""
    return max(1.24 * (length - 15) ** (1 / 3) - 1.8, 0.5) if length > 15 else 0.5


def tm_score(
    positions: Float[Tensor, "points 3"], true_positions: Float[Tensor, "points 3"], length: int
) -> Float[Tensor, ""]:
    """TM-score of points that correspond, in the best superposition found; `length` is that of the reference."""
    scale = tm_scale(length)
    distances = distances_of_superpositions(positions, true_positions, radius=max(min(scale, 8.0), 4.5))
    return (1 / (1 + (distances / scale).square())).sum(-1).max() / length


def tm_align_score(
    positions: Float[np.ndarray, "a 3"], sequence: str, true_positions: Float[np.ndarray, "b 3"], true_sequence: str
) -> float:
    """TM-score by the structural alignment of TM-align, which asks no correspondence; by the length of the second.

    Zhang & Skolnick (2005) Nucleic Acids Res. 33, 2302.
    """
    result = tm_align(positions.astype(np.float64), true_positions.astype(np.float64), sequence, true_sequence)
    return float(result.tm_norm_chain2)
