"""Confidence from logits: pLDDT of atoms, errors of pairs, and the terms of the TM-scores that follow from them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.features.af3.batch import Tokens
from foldwright.metrics.ptm import closeness, tm_scale
from foldwright.models.af3.outputs import Confidence, ConfidenceLogits


def confidence(logits: ConfidenceLogits, tokens: Tokens, max_error: float = 31.0) -> Confidence:
    """What the bins mean; `max_error` is the last edge between two bins of PAE and PDE in angstrom (AF3 SI 4.3.2)."""
    mask = tokens.mask.to(logits.pae.dtype)
    pair_mask = mask[..., :, None] * mask[..., None, :]
    pae = logits.pae.softmax(-1)
    pde = expected_error(logits.pde.softmax(-1), max_error) * pair_mask
    return Confidence(
        plddt=plddt(logits.plddt),
        pae=expected_error(pae, max_error) * pair_mask,
        pde=pde,
        average_pde=pde.sum((-1, -2)) / pair_mask.sum((-1, -2)),
        resolved=logits.resolved.softmax(-1)[..., 1],
        tm_global=expected_closeness(pae, mask.sum(-1)[..., None, None], max_error),
        tm_interface=expected_closeness(pae, tokens_of_both_chains(tokens), max_error),
    )


def plddt(logits: Float[Tensor, "*batch bins"]) -> Float[Tensor, "*batch"]:
    """The expected lDDT of an atom, 0 to 100 (AF3 SI 4.3.1)."""
    num_bins = logits.shape[-1]
    centres = (torch.arange(num_bins, dtype=logits.dtype, device=logits.device) + 0.5) / num_bins
    return 100 * (logits.softmax(-1) * centres).sum(-1)


def error_centres(num_bins: int, max_error: float) -> Float[Tensor, " bins"]:
    """The error each bin stands for, angstrom: 0.25 to 31.75 as released (AF3 SI 4.3.2, 4.3.3)."""
    edges = torch.linspace(0, max_error, num_bins - 1, dtype=torch.float64)
    centres = edges + edges[1] / 2
    return torch.cat([centres, centres[-1:] + edges[1]])


def expected_error(
    probabilities: Float[Tensor, "*batch n n bins"], max_error: float = 31.0
) -> Float[Tensor, "*batch n n"]:
    """The mean of the bins, angstrom (AF3 SI 4.3.2, 4.3.3)."""
    return (probabilities * error_centres(probabilities.shape[-1], max_error).to(probabilities)).sum(-1)


def expected_closeness(
    probabilities: Float[Tensor, "*batch n n bins"], num_tokens: Float[Tensor, "*batch a b"], max_error: float = 31.0
) -> Float[Tensor, "*batch n n"]:
    """The term that a pair adds to the TM-score of so many tokens (AF3 SI 5.9.1, equation 17)."""
    centres = error_centres(probabilities.shape[-1], max_error).to(probabilities)
    return (probabilities * closeness(centres, tm_scale(num_tokens)[..., None])).sum(-1)


def tokens_of_both_chains(tokens: Tokens) -> Float[Tensor, "*batch n n"]:
    """How many tokens the chains of two tokens have together: of their one chain if it is the same."""
    mask = tokens.mask
    together = (tokens.asym_id[..., :, None] == tokens.asym_id[..., None, :]).to(mask) * mask[..., None, :]
    size = together.sum(-1)
    same = together * mask[..., :, None]
    return size[..., :, None] + size[..., None, :] * (1 - same)
