"""The noise level as waves of fixed, randomly drawn frequencies."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt32
from numpy.typing import NDArray
from torch import Tensor, nn

SEED = 42  # AF3 SI Alg. 22 draws weights and biases once, before training; the released network's come from this seed
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # Salmon et al. 2011, Threefry-2x32


class FourierEmbedding(nn.Module):
    """Waves of fixed frequencies and phases; nothing here is learned.

    AF3 SI Alg. 22 "FourierEmbedding".
    """

    def __init__(self, c: int = 256):  # AF3 SI Alg. 21 line 8
        super().__init__()
        self.c = c

    def forward(self, t: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch c"]:
        w, b = (torch.from_numpy(x).to(t) for x in frequencies_and_phases(self.c))
        return torch.cos(2 * math.pi * (t[..., None] * w + b))


@cache
def frequencies_and_phases(c: int) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """Normal frequencies and uniform phases, as the released network's were drawn (`c` is even)."""
    keys = threefry((0, SEED), np.arange(4, dtype=np.uint32)).reshape(2, 2)
    u_w, u_b = (unit_interval(threefry(key, np.arange(c, dtype=np.uint32))) for key in keys)
    open_unit = np.maximum(np.float32(2) * u_w - np.nextafter(np.float32(1), np.float32(0)), np.float32(-1) + EPSILON)
    normal = math.sqrt(2) * torch.special.erfinv(torch.from_numpy(open_unit).double())
    return normal.float().numpy(), u_b


EPSILON = np.float32(2**-24)  # between -1 and the next number above it


def unit_interval(bits: UInt32[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Uniform in [0, 1): 23 random bits as the fraction of a number between 1 and 2, less 1."""
    return ((bits >> np.uint32(9)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)


def threefry(key: tuple[int, int] | NDArray[np.uint32], counts: UInt32[np.ndarray, " c"]) -> UInt32[np.ndarray, " c"]:
    """A random word for every count, the same on every machine: Threefry-2x32 with 20 rounds (Salmon et al. 2011).

    Words are made in pairs; the first half of the counts is paired with the second.
    """
    k0, k1 = (np.uint32(k) for k in key)
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x, y = np.split(counts, 2)
    x, y = x + k0, y + k1
    for i in range(5):
        for turn in ROTATIONS[i % 2]:
            x = x + y
            y = (y << np.uint32(turn) | y >> np.uint32(32 - turn)) ^ x
        x, y = x + schedule[(i + 1) % 3], y + schedule[(i + 2) % 3] + np.uint32(i + 1)
    return np.concatenate([x, y])
