"""A trunk that sees how often letters and pairs of letters occur in an alignment, and no row but the query's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA
from foldwright.models.af2.embed import NUM_MSA_CLASSES
from foldwright.models.af2.outputs import Previous, Representations
from foldwright.models.af2.trunk import Trunk
from foldwright.nn.linear import Linear

NUM_PAIRS_OF_LETTERS = NUM_MSA_CLASSES**2
LETTERS = slice(0, NUM_MSA_CLASSES)  # of `msa_feat`: the one-hot letter of a cluster centre, AF2 Suppl. Table 1
PROFILE = slice(NUM_MSA_CLASSES + 2, 2 * NUM_MSA_CLASSES + 2)  # of `msa_feat`: the profile of its cluster


@dataclass(frozen=True, kw_only=True)
class SummarisedBatch(AF2Batch):
    """A batch whose alignment is the query's row alone, and what all rows had in common."""

    pair_frequencies: Float[Tensor, "*batch n n 529"]  # of letter a at i together with letter b at j


class FrequencyTrunk(Trunk):
    """The trunk with the statistics of the alignment in place of its rows.

    The ablation "No raw MSA (use MSA pairwise frequencies)" of Jumper et al. 2021, Fig. 4a; AF2 Suppl. 1.13. Profiles
    stand where the query's cluster had its own, pair frequencies are projected into the pair representation, and both
    MSA stacks run on the one row that is left.
    """

    pair_frequencies: Linear  # from NUM_PAIRS_OF_LETTERS channels

    def forward(self, batch: AF2Batch, previous: Previous) -> Representations:
        kept = super().forward(summarise(batch), previous)
        rows = batch.msa.mask.shape[-2]
        # The head for masked letters is asked about every row; here all of them are read off the query's.
        return replace(kept, msa=kept.msa.expand(*kept.msa.shape[:-3], rows, *kept.msa.shape[-2:]))

    def embed(
        self, batch: AF2Batch, previous: Previous
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        """The query's row and the pairs, to which the frequencies are added."""
        assert isinstance(batch, SummarisedBatch)
        m, z = super().embed(batch, previous)
        return m, z + self.pair_frequencies(batch.pair_frequencies)


def summarise(batch: AF2Batch) -> SummarisedBatch:
    """The batch with its alignment reduced to the query's row, the profile and the pair frequencies."""
    letters, mask = all_letters(batch)
    weights = mask / mask.sum(-2, keepdim=True).clamp_min(1.0)
    profile = torch.einsum("...sia,...si->...ia", letters, weights)
    query = batch.msa.feat[..., :1, :, :].clone()
    query[..., PROFILE] = profile[..., None, :, :]
    return SummarisedBatch(
        residues=batch.residues,
        target_feat=batch.target_feat,
        msa=ClusteredMSA(feat=query, mask=batch.msa.mask[..., :1, :]),
        extra_msa=_query_as_extra(query, batch.msa.mask[..., :1, :]),
        templates=batch.templates,
        masked_msa=batch.masked_msa,
        pair_frequencies=pair_frequencies(letters, mask),
    )


def all_letters(batch: AF2Batch) -> tuple[Float[Tensor, "*batch s n 23"], Float[Tensor, "*batch s n"]]:
    """One-hot letters and mask of the cluster centres and of the extra rows."""
    extra = F.one_hot(batch.extra_msa.aatype.long(), NUM_MSA_CLASSES).to(batch.msa.feat)
    letters = torch.cat([batch.msa.feat[..., LETTERS], extra], dim=-3)
    return letters, torch.cat([batch.msa.mask, batch.extra_msa.mask], dim=-2)


def pair_frequencies(
    letters: Float[Tensor, "*batch s n a"], mask: Float[Tensor, "*batch s n"]
) -> Float[Tensor, "*batch n n aa"]:
    """How often each two letters stand at each two positions of the same row; sums to one where there are rows."""
    seen = letters * mask[..., None]
    counts = torch.einsum("...sia,...sjb->...ijab", seen, seen).flatten(-2)
    rows = torch.einsum("...si,...sj->...ij", mask, mask)
    return counts / rows.clamp_min(1.0)[..., None]


def _query_as_extra(query: Float[Tensor, "*batch 1 n 49"], mask: Float[Tensor, "*batch 1 n"]) -> ExtraMSA:
    return ExtraMSA(
        aatype=query[..., LETTERS].argmax(-1),
        has_deletion=query[..., NUM_MSA_CLASSES],
        deletion_value=query[..., NUM_MSA_CLASSES + 1],
        mask=mask,
    )
