"""One random reading of an alignment: centres, masked letters, clusters and extra rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foldwright.features.batch import ClusteredMSA, ExtraMSA, MaskedMSA, TensorGroup
from foldwright.features.clusters import NUM_CLASSES, Clusters, monomer_clusters, multimer_clusters
from foldwright.features.masking import draw_replacement, mask_centres
from foldwright.features.msa import MSA, deletion_value, has_deletion, row_order


@dataclass(frozen=True, kw_only=True)
class Draws(TensorGroup):
    """Everything random in one reading of an alignment."""

    order: Int[Tensor, " s"]  # rows, centres first
    mask_position: Bool[Tensor, "c n"]
    replacement: Int[Tensor, "c n"]  # what the centres become there; 22 is the mask token


class Reading(NamedTuple):
    """What the network reads of an alignment in one pass."""

    msa: ClusteredMSA
    extra_msa: ExtraMSA
    masked_msa: MaskedMSA


def draw(
    msa: MSA, profile: Float[Tensor, "n 22"], num_clusters: int, masked_fraction: float, rng: np.random.Generator
) -> Draws:
    """Choose centres and masked positions at random (AF2 Suppl. 1.2.7 items 1 and 2)."""
    order = row_order(rng.random(len(msa)), msa)
    centres = msa.rows[order[:num_clusters]]
    mask_position = torch.from_numpy(rng.random(centres.shape) < masked_fraction)
    replacement = draw_replacement(centres, profile, mask_position, rng.random(centres.shape))
    return Draws(order=order, mask_position=mask_position, replacement=replacement)


def read_monomer(msa: MSA, draws: Draws, num_extra: int) -> Reading:
    """The monomer's features of an alignment for given draws (AF2 Suppl. 1.2.7, Table 1)."""
    return _read(msa, draws, num_extra, monomer_clusters)


def read_multimer(msa: MSA, draws: Draws, num_extra: int) -> Reading:
    """The multimer's features of a merged alignment for given draws.

    To replay a stored sampling of the released program, with `num_clusters = len(mask_position)`:

        msa = MSA(rows=msa.long(), deletions=deletion_matrix, mask=msa_mask, bert_mask=bert_mask,
                  is_centre=cluster_bias_mask)
        draws = Draws(order=index_order.long(), mask_position=mask_position, replacement=bert_sample.long())
        reading = read_multimer(msa, draws, num_extra=len(msa) - num_clusters)

    The dtype of `deletions`, `mask` and `bert_mask` (one for all) is that of the result.
    """
    return _read(msa, draws, num_extra, multimer_clusters)


def _read(msa: MSA, draws: Draws, num_extra: int, clusters: Callable[[MSA, MSA], Clusters]) -> Reading:
    num_clusters = len(draws.mask_position)
    true, rest = msa.select(draws.order[:num_clusters]), msa.select(draws.order[num_clusters:])
    centres = mask_centres(true, draws.mask_position, draws.replacement)
    return Reading(
        ClusteredMSA(feat=cluster_features(centres, clusters(centres, rest)), mask=centres.mask),
        extra_features(rest, num_extra),
        MaskedMSA(true_msa=true.rows, bert_mask=centres.bert_mask),
    )


def cluster_features(centres: MSA, clusters: Clusters) -> Float[Tensor, "c n 49"]:
    """AF2 Suppl. Table 1 `msa_feat`: 23 + 1 + 1 + 23 + 1 channels."""
    parts = [
        F.one_hot(centres.rows, NUM_CLASSES).to(centres.deletions),
        has_deletion(centres.deletions)[..., None],
        deletion_value(centres.deletions)[..., None],
        clusters.profile,
        deletion_value(clusters.deletion_mean)[..., None],
    ]
    return torch.cat(parts, dim=-1)


def extra_features(rest: MSA, num_extra: int) -> ExtraMSA:
    """AF2 Suppl. Table 1 `extra_msa_feat`; without a row to give, one masked row keeps every layer defined."""
    kept = rest.map(lambda x: x[:num_extra])
    if not len(kept):
        kept = rest.map(lambda x: x.new_zeros(1, *x.shape[1:]))
    return ExtraMSA(
        aatype=kept.rows,
        has_deletion=has_deletion(kept.deletions),
        deletion_value=deletion_value(kept.deletions),
        mask=kept.mask,
    )
