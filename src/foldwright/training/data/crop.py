"""Which residues of a long chain one example keeps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def crop_start(length: int, crop_size: int, favours_start: bool, rng: np.random.Generator) -> int:
    """The first residue of a contiguous crop (AF2 Suppl. 1.2.8).

    Uniform over all places; or up to a limit that is itself drawn uniformly, which favours the beginning of the chain
    and is what the paper does where the backbone's error is clamped.
    """
    last = max(0, length - crop_size)
    limit = last - int(rng.integers(last + 1)) if favours_start else last
    return int(rng.integers(limit + 1))


def contiguous(length: int, crop_size: int, favours_start: bool, rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """The residues of a contiguous crop; the whole chain if it is no longer than that."""
    start = crop_start(length, crop_size, favours_start, rng)
    return np.arange(start, min(length, start + crop_size))
