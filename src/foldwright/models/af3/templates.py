"""What the structures of relatives say about every pair of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from foldwright.features.af3.batch import NUM_RESIDUE_TYPES, AF3Templates
from foldwright.geometry.rigid import Rigid
from foldwright.models.af3.config import TemplateEmbedder as Sizes
from foldwright.models.af3.pairformer import PairBlock
from foldwright.nn.distance_bins import distance_bins
from foldwright.nn.linear import LayerNorm, Linear

DISTANCE_EDGES = (3.25, 50.75, 39)  # angstrom, AF3 SI Table 5 `template_distogram`

# Atom slots by residue type: 20 amino acids, unknown, gap, RNA and DNA (A G C U, A G C T), unknown nucleotide.
GLYCINE = 7
# CB, or CA of glycine; C4 of purines, C2 of pyrimidines (AF3 SI 4.4).
PSEUDO_BETA_SLOT = (*(1 if i == GLYCINE else 4 for i in range(20)), 0, 0, *(22, 23, 14, 14), *(21, 22, 13, 13), 0)
# N, CA, C of a residue; C4', C3', C1' of a nucleotide.
# DISCREPANCY(AF3 SI 4.3.2): the released code counts slots of DNA as those of RNA, where C1' is one further.
BACKBONE_SLOTS = (*((0, 1, 2),) * 20, *((0, 0, 0),) * 2, *((6, 8, 12),) * 8, (0, 0, 0))


class TemplateEmbedder(nn.Module):
    """Each template is read beside the query's own pairs, and the mean of what they say is added.

    AF3 SI Alg. 16 "TemplateEmbedder".
    """

    def __init__(self, sizes: Sizes, c_z: int, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        c_t = sizes.pair.c_z
        # One map over all channels in the paper (line 7), stored by the released weights part by part.
        self.distance = Linear(DISTANCE_EDGES[2], c_t, bias=False, init="relu")
        self.is_resolved = Linear(1, c_t, bias=False, init="relu")
        self.aatype_column = Linear(NUM_RESIDUE_TYPES, c_t, bias=False, init="relu")
        self.aatype_row = Linear(NUM_RESIDUE_TYPES, c_t, bias=False, init="relu")
        self.unit_vector_x = Linear(1, c_t, bias=False, init="relu")
        self.unit_vector_y = Linear(1, c_t, bias=False, init="relu")
        self.unit_vector_z = Linear(1, c_t, bias=False, init="relu")
        self.has_backbone = Linear(1, c_t, bias=False, init="relu")
        self.query_norm = LayerNorm(c_z)
        self.query = Linear(c_z, c_t, bias=False, init="relu")
        self.blocks = nn.ModuleList(pair_block(sizes.pair) for _ in range(sizes.num_blocks))
        self.norm = LayerNorm(c_t)
        self.out = Linear(c_t, c_z, bias=False, init="relu")

    def forward(
        self,
        z: Float[Tensor, "*batch n n c_z"],
        templates: AF3Templates,
        asym_id: Int[Tensor, "*batch n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        is_same_chain = (asym_id[..., :, None] == asym_id[..., None, :]).to(z.dtype)
        query = self.query(self.query_norm(z))
        total = torch.zeros_like(query)
        # DISCREPANCY(AF3 SI Alg. 16 line 11): empty slots are embedded, too, and count in the mean.
        for slot in slots(templates):
            total = total + self.stack(query + self.embed(slot, is_same_chain).squeeze(-4), pair_mask)
        mean = total / (templates.aatype.shape[-2] + 1e-7)
        return self.out(torch.relu(mean))

    def stack(self, v: Float[Tensor, "*batch n n c_t"], pair_mask: Tensor) -> Float[Tensor, "*batch n n c_t"]:
        """Triangle updates within one template (lines 8-9)."""
        for block in self.blocks:
            v = block(v, pair_mask)
        return self.norm(v)

    def embed(
        self, templates: AF3Templates, is_same_chain: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch t n n c_t"]:
        """Distances, residue types and unit vectors within each chain (lines 1-7)."""
        is_same_chain = is_same_chain[..., None, :, :]
        beta, has_beta = pseudo_beta(templates)
        is_resolved = (pairs(has_beta).to(is_same_chain) * is_same_chain)[..., None]
        backbone, has_backbone = backbone_frames(templates)
        known = (pairs(has_backbone).to(is_same_chain) * is_same_chain)[..., None]
        aatype = one_hot(templates.aatype.long(), NUM_RESIDUE_TYPES).to(is_same_chain)
        x, y, z = (unit_vectors(backbone).to(known) * known).split(1, dim=-1)
        return (
            self.distance(distance_bins(beta, *DISTANCE_EDGES).to(is_resolved) * is_resolved)
            + self.is_resolved(is_resolved)
            + self.aatype_column(aatype)[..., None, :, :]
            + self.aatype_row(aatype)[..., :, None, :]
            + self.unit_vector_x(x)
            + self.unit_vector_y(y)
            + self.unit_vector_z(z)
            + self.has_backbone(known)
        )


def pairs(mask: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n n"]:
    """One where both tokens are."""
    return mask[..., :, None] * mask[..., None, :]


def slots(templates: AF3Templates) -> Iterator[AF3Templates]:
    """The templates one by one, so that the pair features of only one are in memory."""
    parts = (templates.aatype.split(1, -2), templates.positions.split(1, -4), templates.mask.split(1, -3))
    for aatype, positions, mask in zip(*parts, strict=True):
        yield AF3Templates(aatype=aatype, positions=positions, mask=mask)


def pseudo_beta(templates: AF3Templates) -> tuple[Float[Tensor, "*batch t n 3"], Float[Tensor, "*batch t n"]]:
    """The atom that stands for a token where distances are binned, and whether it is there."""
    slot = _slots_of(templates.aatype, PSEUDO_BETA_SLOT)
    positions = torch.take_along_dim(templates.positions, slot[..., None, None], dim=-2).squeeze(-2)
    return positions, torch.take_along_dim(templates.mask, slot[..., None], dim=-1).squeeze(-1)


def backbone_frames(templates: AF3Templates) -> tuple[Rigid, Float[Tensor, "*batch t n"]]:
    """The frame of each token's backbone, and whether its three atoms are there."""
    slot = _slots_of(templates.aatype, BACKBONE_SLOTS)
    points = torch.take_along_dim(templates.positions, slot[..., None], dim=-2)
    mask = torch.take_along_dim(templates.mask, slot, dim=-1).prod(-1)
    return Rigid.from_3_points(*points.unbind(-2), eps=1e-12), mask


def unit_vectors(backbone: Rigid) -> Float[Tensor, "*batch n n 3"]:
    """The direction of token j seen from the backbone frame of token i; zero on the diagonal."""
    towards = backbone[..., None].invert_apply(backbone.translation[..., None, :, :])
    return towards / towards.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()


def _slots_of(aatype: Int[Tensor, "*batch n"], table: Sequence[Any]) -> Tensor:
    return torch.tensor(table, device=aatype.device)[aatype.long()]
