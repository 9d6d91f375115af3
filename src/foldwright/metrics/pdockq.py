"""pDockQ and pDockQ2: the DockQ that a predicted interface probably has, from its size and confidence."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from foldwright.metrics.ptm import closeness

PAE_SCALE = 10.0  # angstrom, d0 of pDockQ2; Zhu et al. (2023)


def interface_plddt(
    plddt: Float[Tensor, " a"], other_plddt: Float[Tensor, " b"], contacts: Bool[Tensor, "a b"]
) -> float:
    """The mean pLDDT, 0 to 100, of the residues of both chains that have a contact; 0 if none has."""
    found = torch.cat([plddt[contacts.any(1)], other_plddt[contacts.any(0)]])
    return float(found.mean()) if len(found) else 0.0


def pdockq(plddt: Float[Tensor, " a"], other_plddt: Float[Tensor, " b"], contacts: Bool[Tensor, "a b"]) -> float:
    """0 without contacts, else 0.018 to 0.742. Bryant, Pozzati & Elofsson (2022) Nature Communications 13, 1265, eq. 1.

    plddt     0 to 100
    contacts  beta carbons within 8 angstrom
    """
    number = int(contacts.sum())
    if number == 0:
        return 0.0
    x = interface_plddt(plddt, other_plddt, contacts) * math.log10(number)
    return 0.724 / (1 + math.exp(-0.052 * (x - 152.611))) + 0.018


def pdockq2(
    plddt: Float[Tensor, " a"],
    other_plddt: Float[Tensor, " b"],
    contacts: Bool[Tensor, "a b"],
    pae: Float[Tensor, "a b"],
) -> float:
    """0 without contacts, else 0.007 to 0.999; rows aligned on. Zhu et al. (2023) Bioinformatics 39, btad424, eq. 1.

    Zhu et al. score one chain against all others; here as in Dunbrack (2025) one pair of chains, residues as in pDockQ.
    """
    if not contacts.any():
        return 0.0
    x = interface_plddt(plddt, other_plddt, contacts) * float(closeness(pae[contacts], PAE_SCALE).mean())
    return 1.31 / (1 + math.exp(-0.075 * (x - 84.733))) + 0.005
