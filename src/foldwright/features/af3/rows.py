"""Which rows of an alignment a pass of AlphaFold 3 reads: a function of the seed and the pass alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from foldwright.features.af3.batch import AF3MSA


def draw_rows(msa: AF3MSA, num_rows: int, seed: int, cycle: int) -> Int[Tensor, "*batch k"]:
    """At most `num_rows` rows that are not empty, in random order, drawn anew for each recycling pass.

    AF3 SI Alg. 8 "MsaModule" line 2: the query is a row like any other. With several alignments, empty rows fill up
    what the shorter ones lack.
    """
    is_used = (msa.mask.amax(-1) > 0).cpu()
    keys = np.random.default_rng((seed, cycle)).random(tuple(is_used.shape))
    order = (torch.from_numpy(keys) + (~is_used)).argsort(-1)
    most = int(is_used.sum(-1).max()) if is_used.numel() else 0
    return order[..., : min(num_rows, most)].to(msa.rows.device)
