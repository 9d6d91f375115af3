"""How much memory a prediction will need, from its sizes alone."""

from __future__ import annotations

from functools import cache

import torch

from foldwright.kernels.fast import MEBIBYTE
from foldwright.kernels.planning import Plan
from foldwright.models.af2.config import AF2
from foldwright.models.af2.model import AlphaFold

FLOAT = 4  # bytes; the streams between the layers are float32 whatever the type of the products
PROCESS = 350 * MEBIBYTE  # Python, torch and the other libraries
PIECES_HELD = 4  # operands, result and temporaries of a chunked kernel


def estimate_peak_bytes(
    config: AF2, num_residues: int, num_clusters: int, num_extra: int, num_templates: int, plan: Plan
) -> int:
    """The largest memory of the process while it predicts, within about a quarter (tests/kernels/test_memory.py).

    On an accelerator the same number bounds the device's memory.
    """
    n = num_residues
    num_rows = num_clusters + (num_templates if config.templates else 0)
    z = n * n * config.trunk.c_z * FLOAT
    m = num_rows * n * config.trunk.c_m * FLOAT
    # The pass before: its pairs, its alignment, distogram and PAE logits.
    num_bins = config.heads.num_distogram_bins + 2 * config.heads.num_pae_bins * config.heads.is_pae_predicted
    before = z + m + n * n * num_bins * FLOAT
    streams = z + m
    copied = 0 if plan.is_in_place else max(z, m)
    at_once = max(
        _embedding(config, n, z),
        _templates(config, n, num_templates, z),
        _extra_msa(config, n, num_extra, z),
        _evoformer(config, num_rows, n, m, z),
        _structure(config, n),
        n * n * num_bins * FLOAT,
    )
    return PROCESS + parameter_bytes(config) + before + streams + copied + at_once + PIECES_HELD * plan.piece_bytes


@cache
def parameter_bytes(config: AF2) -> int:
    """What the weights of a configuration take."""
    with torch.device("meta"):
        return FLOAT * sum(parameter.numel() for parameter in AlphaFold(config).parameters())


def _embedding(config: AF2, n: int, z: int) -> int:
    """One-hot distances of residues as integers and as numbers, or recycled pairs normalised, and their sum."""
    return max(3 * z, n * n * 66 * (8 + FLOAT))


def _templates(config: AF2, n: int, num_templates: int, z: int) -> int:
    """Every template's pairs, listed and stacked, or one's features and the updates of its block."""
    if config.templates is None:
        return 0
    t = n * n * config.templates.c_t * FLOAT
    features = n * n * 88 * FLOAT
    return max(2 * num_templates * t + z, num_templates * t + max(3 * features, 4 * t))


def _extra_msa(config: AF2, n: int, num_extra: int, z: int) -> int:
    """The stream of extra rows with its update, or with both sides of the outer product."""
    e = num_extra * n * config.extra_msa.c_e * FLOAT
    sides = 2 * num_extra * n * config.trunk.c_outer * FLOAT
    one_hot = num_extra * n * 25 * (8 + 2 * FLOAT)
    return e + max(e, sides + z, 3 * z, one_hot)


def _evoformer(config: AF2, num_rows: int, n: int, m: int, z: int) -> int:
    """The update of the alignment, the outer product's sides, or the edges and the product of triangles."""
    sides = 2 * num_rows * n * config.trunk.c_outer * FLOAT
    edges = 2 * n * n * config.trunk.c_triangle * FLOAT
    return max(m, sides + z, edges + edges // 2)


def _structure(config: AF2, n: int) -> int:
    """Logits, distances of points and the attended pairs of invariant point attention."""
    c = config.structure
    return n * n * FLOAT * (config.trunk.c_z + c.heads * (3 + 3 * 3 * c.num_query_points))
