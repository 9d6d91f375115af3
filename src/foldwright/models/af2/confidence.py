"""Confidence from logits: pLDDT, predicted aligned error, and the TM-scores that follow from it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.metrics.ptm import best_frame, expected_closeness, tm_scale


def plddt(logits: Float[Tensor, "*batch n bins"]) -> Float[Tensor, "*batch n"]:
    """The expected lDDT-Calpha, 0 to 100 (AF2 Suppl. 1.9.6)."""
    num_bins = logits.shape[-1]
    centres = (torch.arange(num_bins, dtype=logits.dtype, device=logits.device) + 0.5) / num_bins
    return 100 * (logits.softmax(-1) * centres).sum(-1)


def pae_edges(num_bins: int = 64) -> Float[Tensor, " edges"]:
    """Upper edges of all bins but the last, which is open; angstrom.

    DISCREPANCY(AF2 Suppl. 1.9.7): the paper has 64 bins of 0.5; the released edges are 63 from 0 to 31 with both ends.
    """
    return torch.linspace(0, 31, num_bins - 1, dtype=torch.float64)


def pae_centres(num_bins: int = 64) -> Float[Tensor, " bins"]:
    """The error each bin stands for; angstrom."""
    edges = pae_edges(num_bins)
    step = edges[1] - edges[0]
    centres = edges + step / 2
    return torch.cat([centres, centres[-1:] + step])


def predicted_aligned_error(logits: Float[Tensor, "*batch n n bins"]) -> Float[Tensor, "*batch n n"]:
    """The expected error of j when aligned on the frame of i, angstrom (AF2 Suppl. 1.9.7)."""
    return (logits.softmax(-1) * pae_centres(logits.shape[-1]).to(logits)).sum(-1)


def max_predicted_aligned_error(num_bins: int = 64) -> Float[Tensor, ""]:
    """The largest error that can be predicted, angstrom."""
    return pae_centres(num_bins)[-1]


def predicted_tm_score(
    logits: Float[Tensor, "*batch n n bins"],
    mask: Float[Tensor, "*batch n"],
    counted: Float[Tensor, "*batch n n"],
) -> Float[Tensor, "*batch"]:
    """The TM-score expected of the best single frame to align on, over the pairs that are `counted`.

    AF2 Suppl. 1.9.7, equations 38-40; AF-Multimer equation 2.
    """
    tm = expected_closeness(logits, pae_centres(logits.shape[-1]), tm_scale(mask.sum(-1)))
    return best_frame(tm, counted * mask[..., :, None] * mask[..., None, :])


def ptm(logits: Float[Tensor, "*batch n n bins"], mask: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Predicted TM-score; the released program's is that of a mask of ones, padding included."""
    return predicted_tm_score(logits, mask, torch.ones_like(logits[..., 0]))


def iptm(
    logits: Float[Tensor, "*batch n n bins"], mask: Float[Tensor, "*batch n"], asym_id: Int[Tensor, "*batch n"]
) -> Float[Tensor, "*batch"]:
    """Predicted TM-score over pairs of residues in different chains; 0 where there is one chain."""
    apart = asym_id[..., :, None] != asym_id[..., None, :]
    return predicted_tm_score(logits, mask, apart.to(logits))


def chain_ptm(
    logits: Float[Tensor, "n n bins"], mask: Float[Tensor, " n"], asym_id: Int[Tensor, " n"]
) -> Float[Tensor, " chains"]:
    """pTM of each chain by itself, in the order of `asym_id`."""
    chains = asym_id[mask > 0].unique()
    return torch.stack([ptm(logits, mask * (asym_id == a)) for a in chains])


def directed_chain_pair_iptm(
    logits: Float[Tensor, "n n bins"], mask: Float[Tensor, " n"], asym_id: Int[Tensor, " n"]
) -> Float[Tensor, "chains chains"]:
    """ipTM of every two chains taken alone, aligned on the row's and read at the column's; on the diagonal its pTM."""
    chains = asym_id[mask > 0].unique()
    members = [((asym_id == a) & (mask > 0)).nonzero()[:, 0] for a in chains]
    table = torch.diag_embed(chain_ptm(logits, mask, asym_id))
    for i, j in torch.cartesian_prod(*[torch.arange(len(chains))] * 2).tolist():
        if i != j:
            between = logits[members[i]][:, members[j]]
            scale = tm_scale(mask[members[i]].sum() + mask[members[j]].sum())
            tm = expected_closeness(between, pae_centres(logits.shape[-1]), scale)
            table[i, j] = best_frame(tm, torch.ones_like(tm))
    return table


def chain_pair_iptm(
    logits: Float[Tensor, "n n bins"], mask: Float[Tensor, " n"], asym_id: Int[Tensor, " n"]
) -> Float[Tensor, "chains chains"]:
    """ipTM of every two chains taken alone: the better of both directions; on the diagonal the chain's pTM."""
    table = directed_chain_pair_iptm(logits, mask, asym_id)
    return table.maximum(table.T)
