"""How much memory AlphaFold 3 will need for a complex, from its sizes alone."""

from __future__ import annotations

from functools import cache

import torch

from foldwright.kernels.memory import FLOAT, PIECES_HELD, PROCESS
from foldwright.kernels.planning import Plan
from foldwright.models.af3.config import AF3
from foldwright.models.af3.model import AlphaFold3

WINDOW_LOGITS = 32 * 128  # pairs of a query and a key in a window of atoms, AF3 SI Alg. 7
ATOMS_IN_WINDOW = 32
UNEXPLAINED = 2  # pair tensors that 288 tokens took beyond the sum of what is known to be held there


def estimate_complex_bytes(
    config: AF3, num_tokens: int, num_atoms: int, num_rows: int, num_samples: int, plan: Plan
) -> int:
    """The largest memory of the process while it predicts, within about a quarter (tests/kernels/test_memory.py).

    Measured to 800 tokens: benchmarks/results/2026-11-21-af3.md.

    `num_rows` of the alignment are read in a pass; `num_samples` structures are made at once. On an accelerator the
    same number bounds the device's memory.
    """
    n, z = num_tokens, _pairs(num_tokens, config.c_z)
    at_once = max(
        _embedding(config, n),
        _msa_module(config, n, num_rows),
        z + _triangles(config, n),  # beside the pairs of the pass before
        _denoiser(config, n, num_atoms, num_samples),
        _confidence(config, n),
    )
    copied = 0 if plan.is_in_place else z
    held = UNEXPLAINED * z + PIECES_HELD * plan.piece_bytes
    return PROCESS + parameter_bytes(config) + z + at_once + copied + held


@cache
def parameter_bytes(config: AF3) -> int:
    """What the weights of a configuration take."""
    with torch.device("meta"):
        return FLOAT * sum(parameter.numel() for parameter in AlphaFold3(config).parameters())


def _pairs(n: int, channels: int) -> int:
    return n * n * channels * FLOAT


def _embedding(config: AF3, n: int) -> int:
    """Beside the recycled pairs: the first ones, what is added, and their sum; then one template's stack."""
    z, t = _pairs(n, config.c_z), _pairs(n, config.templates.pair.c_z)
    return max(3 * z, z + 2 * t + max(z, 4 * t))


def _msa_module(config: AF3, n: int, num_rows: int) -> int:
    """Pairs and alignment, with its features, or both sides of the outer product, or its update."""
    z, m = _pairs(n, config.c_z), num_rows * n * config.msa.c_m * FLOAT
    features = num_rows * n * 34 * (8 + 2 * FLOAT)
    sides = 2 * num_rows * n * config.msa.c_outer * FLOAT
    return z + max(features, m + max(sides + z, m))


def _triangles(config: AF3, n: int) -> int:
    """The pairs, edges of both kinds and their product."""
    return _pairs(n, config.c_z) + 3 * _pairs(n, config.pairformer.pair.c_triangle)


def _denoiser(config: AF3, n: int, num_atoms: int, num_samples: int) -> int:
    """Conditioned pairs with the logits of all blocks, or logits, windows and samples."""
    sizes, atoms = config.diffusion, config.diffusion.atoms
    logits = _pairs(n, sizes.num_blocks * sizes.heads)
    num_windows = -(-num_atoms // ATOMS_IN_WINDOW) + 2
    pairs_of_atoms = num_windows * WINDOW_LOGITS * atoms.c_atom_pair * FLOAT
    biases = num_windows * WINDOW_LOGITS * 2 * atoms.num_blocks * atoms.heads * FLOAT
    conditions = 2 * atoms.num_blocks * 8 * num_windows * ATOMS_IN_WINDOW * atoms.c_atom * FLOAT
    sample = 6 * FLOAT * (num_windows * ATOMS_IN_WINDOW * 2 * atoms.c_atom + n * sizes.c_token * 2)
    kept = pairs_of_atoms + biases + conditions
    z = _pairs(n, config.c_z)
    return max(2 * z + 5 * pairs_of_atoms, z + logits + kept, logits + kept + num_samples * sample)


def _confidence(config: AF3, n: int) -> int:
    """The distogram's logits, and the head's own pairs through triangles, or with all its logits."""
    heads, z = config.heads, _pairs(n, config.c_z)
    logits = _pairs(n, heads.num_pae_bins + 2 * heads.num_pde_bins)
    return _pairs(n, heads.num_distogram_bins) + max(_triangles(config, n), 2 * z + logits)
