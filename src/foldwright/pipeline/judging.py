"""Confidence of a prediction that lies on disk, whichever program made it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from foldwright.io.pae import AlignedErrors
from foldwright.io.structure import Structure
from foldwright.metrics.ipsae import PAE_CUTOFF, iptm_of_pae
from foldwright.pipeline.pair_scores import Placed, pair_scores


@dataclass(frozen=True)
class Judgement:
    """Scores of docs/scores.md; pTM and ipTM as the program that predicted reports them, None if it does not."""

    mean_plddt: float  # of the B factors, 0 to 100
    ptm: float | None
    iptm: float | None
    chains: dict[str, dict[str, int | float]]  # by name: residues, mean_plddt
    chain_pairs: dict[str, dict[str, int | float]]  # by "A-B"


def judge(
    structure: Structure, errors: AlignedErrors | None, file: Path | None = None, pae_cutoff: float = PAE_CUTOFF
) -> Judgement:
    """What a structure with pLDDT in its B factors says of itself; without errors only what needs none.

    Raises InputError if the errors, read from `file`, are of another structure.
    """
    plddt = torch.from_numpy(structure.residue_b_factors.astype(np.float64))
    pae = None if errors is None else torch.from_numpy(errors.of_residues(structure, file))
    placed = Placed.of_atoms(torch.from_numpy(structure.positions), torch.from_numpy(structure.mask), plddt, pae)
    members = {
        name: torch.arange(*border) for name, border in zip(structure.chain_ids, structure.chain_borders, strict=True)
    }
    return Judgement(
        mean_plddt=float(plddt.mean()),
        ptm=errors and errors.ptm,
        iptm=errors and errors.iptm,
        chains={name: {"residues": len(i), "mean_plddt": float(plddt[i].mean())} for name, i in members.items()},
        chain_pairs={
            f"{a}-{b}": _iptm_of_pae(pae, members[a], members[b])
            | pair_scores(placed, members[a], members[b], pae_cutoff)
            for a, b in combinations(structure.chain_ids, 2)
        },
    )


def _iptm_of_pae(pae: torch.Tensor | None, first: torch.Tensor, second: torch.Tensor) -> dict[str, int | float]:
    if pae is None:
        return {}
    return {"iptm_from_pae": max(iptm_of_pae(pae[first][:, second]), iptm_of_pae(pae[second][:, first]))}
