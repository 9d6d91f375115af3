"""What can be said of the interface between two chains of a prediction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.metrics.contacts import interface_contacts
from foldwright.metrics.ipsae import PAE_CUTOFF, ipsae
from foldwright.metrics.lis import local_interaction_area, local_interaction_score
from foldwright.metrics.pdockq import interface_plddt, pdockq, pdockq2

CA, CB = ATOM_INDEX["CA"], ATOM_INDEX["CB"]


@dataclass(frozen=True, eq=False)
class Placed:
    """Residues of a prediction with what every score of an interface is made of."""

    positions: Float[Tensor, "n 3"]  # of the beta carbon, angstrom
    mask: Float[Tensor, " n"]  # 0 where it is not known
    plddt: Float[Tensor, " n"]  # 0 to 100
    pae: Float[Tensor, "n n"] | None  # angstrom, rows aligned on

    @classmethod
    def of_atoms(
        cls,
        positions: Float[Tensor, "n 37 3"],
        mask: Float[Tensor, "n 37"],
        plddt: Float[Tensor, " n"],
        pae: Float[Tensor, "n n"] | None,
    ) -> Placed:
        """The beta carbon of every residue, the alpha carbon of glycine."""
        has_beta = mask[:, CB, None] > 0
        beta = torch.where(has_beta, positions[:, CB], positions[:, CA])
        return cls(beta.double(), mask[:, [CA, CB]].amax(1), plddt.double(), None if pae is None else pae.double())


def pair_scores(
    placed: Placed, first: Int[Tensor, " a"], second: Int[Tensor, " b"], pae_cutoff: float = PAE_CUTOFF
) -> dict[str, int | float]:
    """Every score of the interface between these residues; what needs aligned errors is left out without them.

    `forward` is aligned on the first chain and read at the second. See docs/scores.md.
    """
    contacts = interface_contacts(
        placed.positions[first], placed.mask[first], placed.positions[second], placed.mask[second]
    )
    plddt, other_plddt = placed.plddt[first], placed.plddt[second]
    found: dict[str, int | float] = {
        "contacts": int(contacts.sum()),
        "interface_residues": int(contacts.any(1).sum() + contacts.any(0).sum()),
        "interface_plddt": interface_plddt(plddt, other_plddt, contacts),
        "pdockq": pdockq(plddt, other_plddt, contacts),
    }
    if placed.pae is None:
        return found
    forward, backward = placed.pae[first][:, second], placed.pae[second][:, first]
    both = torch.cat([forward.flatten(), backward.flatten()])
    sizes: dict[str, int | float] = {"mean_pae": float(both.mean()), "min_pae": float(both.min())}
    docked = {
        "pdockq2_forward": pdockq2(plddt, other_plddt, contacts, forward),
        "pdockq2_backward": pdockq2(other_plddt, plddt, contacts.T, backward),
    }
    return {
        **sizes,
        **_ipsae(forward, backward, pae_cutoff),
        **found,
        "pdockq2": max(docked.values()),
        **docked,
        **_lis(forward, backward),
    }


def _ipsae(forward: Tensor, backward: Tensor, cutoff: float) -> dict[str, int | float]:
    """The better of both directions, as Dunbrack (2025) reports it, and each direction of the default."""
    there, back = ipsae(forward, cutoff), ipsae(backward, cutoff)
    return {
        "ipsae": max(there.d0res, back.d0res),
        "ipsae_forward": there.d0res,
        "ipsae_backward": back.d0res,
        "ipsae_d0dom": max(there.d0dom, back.d0dom),
        "ipsae_d0chn": max(there.d0chn, back.d0chn),
    }


def _lis(forward: Tensor, backward: Tensor) -> dict[str, int | float]:
    """The mean of both directions (Kim et al. 2024), and how many pairs it rests on."""
    scores = [local_interaction_score(pae) for pae in (forward, backward)]
    return {"lis": sum(scores) / 2, "lia": sum(local_interaction_area(pae) for pae in (forward, backward))}
