"""LIS: how well two chains are placed to each other where the network is fairly sure of it.

Kim et al. (2024) "Enhanced Protein-Protein Interaction Discovery via AlphaFold-Multimer", bioRxiv 2024.02.19.580970.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

PAE_CUTOFF = 12.0  # angstrom, Kim et al. (2024)


def local_interaction_score(pae: Float[Tensor, "a b"], cutoff: float = PAE_CUTOFF) -> float:
    """The mean of 1 - error / cutoff over the pairs below the cutoff, one direction; 0 where there is none."""
    counted = pae[pae < cutoff]
    return float((1 - counted / cutoff).mean()) if len(counted) else 0.0


def local_interaction_area(pae: Float[Tensor, "a b"], cutoff: float = PAE_CUTOFF) -> int:
    """How many pairs LIS is the mean of."""
    return int((pae < cutoff).sum())
