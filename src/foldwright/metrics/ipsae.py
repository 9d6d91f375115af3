"""ipSAE: the TM-score expected of an interface, over the pairs of residues that the network is sure of.

Dunbrack (2025) "What's wrong with AlphaFold's ipTM score and how to fix it", bioRxiv 2025.02.10.637595. ipTM divides
by whole chains, so a disordered tail lowers it; ipSAE leaves out pairs whose error is large.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.metrics.ptm import closeness

PAE_CUTOFF = 10.0  # angstrom, of pairs that count; Dunbrack (2025), who also shows 15 for AlphaFold 2
# The script of the paper; its first version had 26.52 residues, where d0 is just 1 angstrom.
LEAST_LENGTH, LEAST_SCALE = 27, 1.0


class IpSAE(NamedTuple):
    """One direction of one pair of chains, 0 to 1; the names are those of the length in d0."""

    d0res: float  # residues of the scored chain that count for the one aligned on: what "ipSAE" means
    d0dom: float  # residues of both chains that count in any pair
    d0chn: float  # residues of both chains


def ipsae_scale(num_residues: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """d0 in angstrom of an interface of this many residues (Yang & Skolnick 2004, bounded as by Dunbrack 2025)."""
    return (1.24 * (num_residues.clamp_min(LEAST_LENGTH) - 15) ** (1 / 3) - 1.8).clamp_min(LEAST_SCALE)


def ipsae(pae: Float[Tensor, "a b"], cutoff: float = PAE_CUTOFF) -> IpSAE:
    """Aligned on the residues of one chain (rows), scored at those of another (columns); 0 where no pair counts.

    pae     expected error in angstrom
    cutoff  angstrom; pairs of at least this error are left out
    """
    counted = (pae < cutoff).to(pae)
    in_domain = counted.amax(1).sum() + counted.amax(0).sum()
    in_chains = pae.new_tensor(sum(pae.shape))
    lengths = {"d0res": counted.sum(1, keepdim=True), "d0dom": in_domain, "d0chn": in_chains}
    return IpSAE(**{name: _best(pae, counted, length) for name, length in lengths.items()})


def iptm_of_pae(pae: Float[Tensor, "a b"]) -> float:
    """ipTM in one direction from expected errors alone, where their distribution is not known (ipTM_d0chn)."""
    return _best(pae, torch.ones_like(pae), pae.new_tensor(sum(pae.shape)))


def _best(pae: Tensor, counted: Tensor, length: Tensor) -> float:
    """The highest mean over counted columns that any row has."""
    of_row = (closeness(pae, ipsae_scale(length)) * counted).sum(1) / counted.sum(1).clamp_min(1)
    return float(of_row.amax())
