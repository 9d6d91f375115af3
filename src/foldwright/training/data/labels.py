"""The truth a chain teaches, with what is not known left out."""

from __future__ import annotations

from dataclasses import replace

import torch

from foldwright.chem.rigid_groups import ATOM37_POSITIONS
from foldwright.features.structure import CB, StructureLabels, structure_labels
from foldwright.training.data.chain import Chain

IDEAL_BETA = torch.from_numpy(ATOM37_POSITIONS[0, CB])  # of alanine in the backbone's frame, angstrom


def chain_labels(chain: Chain) -> StructureLabels:
    """The labels of a chain; residues of low confidence have no atoms (AF2 Suppl. 1.3)."""
    mask = torch.from_numpy(chain.taught_mask).float()
    labels = structure_labels(
        torch.from_numpy(chain.aatype).long(),
        torch.from_numpy(chain.positions) * mask[..., None],
        mask,
        torch.tensor(chain.resolution),
    )
    return labels if chain.has_sidechains else with_ideal_beta(labels)


def with_ideal_beta(labels: StructureLabels) -> StructureLabels:
    """The same with the distogram's C-beta where N, CA and C put it; `positions` and `atom_mask` stay without it."""
    is_placed = (labels.backbone_mask > 0) & (labels.pseudo_beta_mask == 0)
    beta = labels.backbone.apply(IDEAL_BETA.to(labels.positions))
    return replace(
        labels,
        pseudo_beta=torch.where(is_placed[..., None], beta, labels.pseudo_beta),
        pseudo_beta_mask=torch.where(is_placed, labels.backbone_mask, labels.pseudo_beta_mask),
    )
