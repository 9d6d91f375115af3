"""The task of the masked-MSA head: some letters of the cluster centres are hidden or replaced."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foldwright.features.msa import MSA

# What happens to a chosen position, AF2 Suppl. 1.2.7 item 2.
UNIFORM = 0.1  # any amino acid
PROFILE = 0.1  # a letter by its frequency in the column
SAME = 0.1  # the letter itself
MASKED = 0.7  # the mask token


def replacement_probabilities(
    rows: Int[Tensor, "*rows n"], profile: Float[Tensor, "*columns n 22"]
) -> Float[Tensor, "*rows n 23"]:
    """What a chosen position becomes: 22 letters and the mask token (AF2 Suppl. 1.2.7 item 2)."""
    uniform = profile.new_tensor([1 / 20] * 20 + [0, 0])
    letters = UNIFORM * uniform + PROFILE * profile + SAME * F.one_hot(rows, 22).to(profile)
    return F.pad(letters, (0, 1), value=MASKED)


def draw_replacement(
    centres: Int[Tensor, "c n"],
    profile: Float[Tensor, "n 22"],
    mask_position: Bool[Tensor, "c n"],
    uniform: Float[np.ndarray, "c n"],
) -> Int[Tensor, "c n"]:
    """The letters that `uniform` in [0, 1) picks from the replacement probabilities, where a position is masked."""
    row, column = mask_position.nonzero(as_tuple=True)
    # Each position has its own column, so rows and profile line up one to one.
    cumulative = replacement_probabilities(centres[row, column], profile[column]).double().cumsum(-1)
    at = torch.from_numpy(uniform)[row, column, None] * cumulative[:, -1:]
    replacement = centres.clone()
    replacement[row, column] = torch.searchsorted(cumulative, at, right=True)[:, 0].clamp(max=22)
    return replacement


def mask_centres(centres: MSA, mask_position: Bool[Tensor, "c n"], replacement: Int[Tensor, "c n"]) -> MSA:
    """The centres as the network sees them; `bert_mask` is left at the positions that count in the loss."""
    chosen = mask_position & (centres.mask > 0)
    parts = {
        "rows": torch.where(chosen, replacement, centres.rows),
        "bert_mask": centres.bert_mask * chosen.to(centres.bert_mask),
    }
    return MSA(deletions=centres.deletions, mask=centres.mask, is_centre=centres.is_centre, **parts)
