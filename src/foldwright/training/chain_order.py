"""Labels of a complex in the order of the prediction: equal chains are given to the copies that they suit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.features.batch import Residues, TensorGroup
from foldwright.features.structure import CA, StructureLabels
from foldwright.losses.permutation import Chains, align_chains


@dataclass(frozen=True, kw_only=True)
class TrueComplex(TensorGroup):
    """Every chain of a complex as a whole, whatever the crop."""

    labels: StructureLabels
    residues: Residues


def suited_labels(
    labels: StructureLabels,
    positions: Float[Tensor, "*batch n 37 3"],
    residues: Residues,
    truth: TrueComplex | None,
) -> StructureLabels:
    """The labels that a prediction is judged by: those given, or `labels_in_order` of each complex."""
    if truth is None:
        return labels
    if positions.ndim == 3:
        return labels_in_order(positions, residues, truth)
    parts = [
        labels_in_order(x, residues.map(lambda y, i=i: y[i]), truth.map(lambda y, i=i: y[i]))
        for i, x in enumerate(positions)
    ]
    return StructureLabels.collate(parts)


def labels_in_order(positions: Float[Tensor, "n 37 3"], residues: Residues, truth: TrueComplex) -> StructureLabels:
    """The labels of a crop, after the permutation of equal chains that suits the predicted `positions` best.

    AF-Multimer, section 2.1 "Multi-chain permutation alignment"; one example at a time.
    """
    known = truth.residues.mask * truth.labels.atom_mask[..., CA]
    rows = align_chains(
        _chains(positions[..., CA, :], residues.mask, residues),
        _chains(truth.labels.positions[..., CA, :], known, truth.residues),
    )
    return labels_of(truth.labels, rows)


def _chains(positions: Tensor, mask: Tensor, residues: Residues) -> Chains:
    return Chains(positions, mask, residues.asym_id, residues.entity_id, residues.residue_index)


def labels_of(labels: StructureLabels, rows: Int[Tensor, " n"]) -> StructureLabels:
    """The labels of some residues; one past the end is a residue of which nothing is known."""

    def take(x: Tensor) -> Tensor:
        return x if x.ndim == 0 else torch.cat([x, torch.zeros_like(x[:1])])[rows]

    return labels.map(take)
