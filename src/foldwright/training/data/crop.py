"""Which residues of a long chain one example keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

INTERFACE = 10.0  # angstrom between C-alphas of two chains, AF-Multimer Suppl. Alg. 2


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


def contiguous_of_chains(lengths: Sequence[int], crop_size: int, rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """One contiguous piece of each chain of a complex, of random sizes that add up to the crop.

    AF-Multimer Suppl. Alg. 1; some chains may lose all of their residues.
    """
    ends = np.cumsum(lengths)
    kept, num_left, num_after = [], crop_size, sum(lengths)
    for chain in rng.permutation(len(lengths)):
        length = lengths[chain]
        num_after -= length
        least, most = min(length, max(0, num_left - num_after)), min(length, num_left)
        size = int(rng.integers(least, most + 1))
        start = ends[chain] - length + int(rng.integers(length - size + 1))
        kept.append(np.arange(start, start + size))
        num_left -= size
    return np.sort(np.concatenate(kept))


def spatial(
    positions: Float[np.ndarray, "n 3"],
    is_known: Bool[np.ndarray, " n"],
    asym_id: Int[np.ndarray, " n"],
    crop_size: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " m"] | None:
    """The residues nearest to one of an interface, by their C-alphas (AF-Multimer Suppl. Alg. 2).

    None if no two chains come near each other.
    """
    interface = interface_residues(positions, is_known, asym_id)
    if not len(interface):
        return None
    distance = np.linalg.norm(positions - positions[rng.choice(interface)], axis=1)
    distance = np.where(is_known, distance, np.inf)
    return np.sort(np.argsort(distance, kind="stable")[:crop_size])


def interface_residues(
    positions: Float[np.ndarray, "n 3"], is_known: Bool[np.ndarray, " n"], asym_id: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " k"]:
    """Residues whose C-alpha has one of another chain within `INTERFACE`."""
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    is_pair = is_known[:, None] & is_known & (asym_id[:, None] != asym_id)
    return np.flatnonzero(((distance < INTERFACE) & is_pair).any(1))
