"""Fewer rows of a deep alignment, drawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foldwright.io.alignment import Alignment
from foldwright.training.data.chain import Chain


def subsampled(alignment: Alignment, max_rows: int, rng: np.random.Generator) -> Alignment:
    """The query and rows drawn uniformly without replacement, `max_rows` in all (AF2 Suppl. 1.3)."""
    if len(alignment) <= max_rows:
        return alignment
    drawn = 1 + rng.permutation(len(alignment) - 1)[: max_rows - 1]
    return alignment.rows([0, *sorted(drawn.tolist())])


def with_noise(chain: Chain, max_rows: int, rng: np.random.Generator) -> Chain:
    """What a student sees of a chain: less of the alignment than its teacher, if the structure is a prediction.

    AF2 Suppl. 1.3; nothing is drawn for any other chain.
    """
    if chain.kind != "distilled" or chain.alignment is None:
        return chain
    return replace(chain, alignment=subsampled(chain.alignment, max_rows, rng))
