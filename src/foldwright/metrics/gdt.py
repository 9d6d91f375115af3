"""The global distance test: how many C-alphas can be laid within given distances of their true place.

Zemla (2003) Nucleic Acids Res. 31, 3370. 0 to 1.
"""

from collections.abc import Sequence
from statistics import fmean

from jaxtyping import Float
from torch import Tensor

from foldwright.metrics.search import distances_of_superpositions

TOTAL_SCORE = (1.0, 2.0, 4.0, 8.0)  # angstrom, GDT-TS
HIGH_ACCURACY = (0.5, 1.0, 2.0, 4.0)  # angstrom, GDT-HA


def shares_within(
    positions: Float[Tensor, "points 3"],
    true_positions: Float[Tensor, "points 3"],
    length: int,
    cutoffs: Sequence[float],
) -> dict[float, float]:
    """For each cutoff in angstrom the largest share of the reference's `length` residues that fits under it."""
    return {
        cutoff: int((distances_of_superpositions(positions, true_positions, cutoff) <= cutoff).sum(-1).max()) / length
        for cutoff in cutoffs
    }


def gdt_ts(positions: Float[Tensor, "points 3"], true_positions: Float[Tensor, "points 3"], length: int) -> float:
    """Total score: the mean share within 1, 2, 4 and 8 angstrom."""
    return fmean(shares_within(positions, true_positions, length, TOTAL_SCORE).values())


def gdt_ha(positions: Float[Tensor, "points 3"], true_positions: Float[Tensor, "points 3"], length: int) -> float:
    """High accuracy: the mean share within 0.5, 1, 2 and 4 angstrom."""
    return fmean(shares_within(positions, true_positions, length, HIGH_ACCURACY).values())
