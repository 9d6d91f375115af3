"""How sure a network is of each residue: how far its distances are from those of any two residues that far apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.features.batch import TensorGroup

NEARBY = 128  # residues of the chain on either side that a confidence is averaged over, AF2 Suppl. 1.3


@dataclass(frozen=True, kw_only=True)
class Background(TensorGroup):
    """Sums of predicted distance distributions by separation in the chain, 0 to `NEARBY`, over many sequences."""

    sums: Float[Tensor, "separations bins"]
    counts: Float[Tensor, " separations"]

    @classmethod
    def empty(cls, num_bins: int) -> Background:
        """Nothing predicted yet."""
        sums = torch.zeros(NEARBY + 1, num_bins, dtype=torch.float64)
        return cls(sums=sums, counts=sums.new_zeros(NEARBY + 1))

    def plus(self, logits: Float[Tensor, "n n bins"]) -> Background:
        """With the pairs of one more sequence."""
        apart, is_near = separations(len(logits))
        probabilities = torch.softmax(logits.double(), dim=-1)[is_near]
        return Background(
            sums=self.sums.index_add(0, apart[is_near], probabilities),
            counts=self.counts + torch.bincount(apart[is_near], minlength=NEARBY + 1),
        )

    def distributions(self) -> Float[Tensor, "separations bins"]:
        """The mean at every separation; one that no sequence was long enough for is as the longest that was seen.

        Raises:
            ValueError: no sequence of two residues was added.
        """
        seen = self.counts.nonzero().flatten()
        if not len(seen):
            raise ValueError("the background is empty")
        nearest = torch.searchsorted(seen, torch.arange(NEARBY + 1), right=True).sub(1).clamp(min=0)
        chosen = seen[nearest]
        return self.sums[chosen] / self.counts[chosen, None]


def residue_confidence(
    logits: Float[Tensor, "n n bins"], background: Float[Tensor, "separations bins"]
) -> Float[Tensor, " n"]:
    """The Kullback-Leibler divergence, in nats, of each residue's predicted distances from the background.

    Of the background relative to the prediction, averaged over the residues within `NEARBY` places of the chain
    (AF2 Suppl. 1.3). A residue that stands alone has none and gets 0.
    """
    apart, is_near = separations(len(logits))
    reference = background[apart.clamp(max=NEARBY)]
    predicted = torch.log_softmax(logits.double(), dim=-1)
    divergence = (torch.xlogy(reference, reference) - reference * predicted).sum(-1)
    return (divergence * is_near).sum(-1) / is_near.sum(-1).clamp(min=1)


def separations(num_residues: int) -> tuple[Int[Tensor, "n n"], Tensor]:
    """How many places apart each two residues are, and whether they are different ones no more than `NEARBY` apart."""
    place = torch.arange(num_residues)
    apart = (place[:, None] - place[None, :]).abs()
    return apart, (apart > 0) & (apart <= NEARBY)
