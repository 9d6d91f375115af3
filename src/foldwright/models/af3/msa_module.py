"""The alignment and the pairs, each informing the other, before the Pairformer."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from foldwright.features.af3.batch import AF3MSA
from foldwright.models.af3.config import MSAModule as Sizes
from foldwright.models.af3.pairformer import PairBlock
from foldwright.nn.dropout import RowDropout
from foldwright.nn.linear import Linear
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging
from foldwright.nn.residual import ResidualBlock
from foldwright.nn.transition import SwiGLUTransition

NUM_MSA_CLASSES = 32  # AF3 SI Table 5 `msa`; the last one is never met
C_MSA_FEAT = NUM_MSA_CLASSES + 2


class MSAModuleBlock(ResidualBlock):
    """One exchange between the alignment and the pairs.

    AF3 SI Alg. 8 "MsaModule", one iteration (lines 6-13).
    """

    def __init__(self, sizes: Sizes, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        c_m, c_z = sizes.c_m, sizes.pair.c_z
        self.outer_product_mean = OuterProductMean(c_m, c_z, sizes.c_outer, bias=False)
        self.row_averaging = MSAPairWeightedAveraging(c_m, c_z, sizes.c_value, sizes.heads)
        self.msa_transition = SwiGLUTransition(c_m, sizes.transition_factor)
        self.pair = pair_block(sizes.pair)
        self.row_dropout = RowDropout(sizes.dropout)

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        msa_mask: Float[Tensor, "*batch s n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        z = self.add(z, self.outer_product_mean(m, msa_mask))
        m = self.add(m, self.row_dropout(self.row_averaging(m, z, msa_mask)))
        m = self.add(m, self.msa_transition(m))
        return m, self.pair(z, pair_mask)


class MSAModule(nn.Module):
    """What the alignment says about the pairs; the alignment itself is not kept.

    AF3 SI Alg. 8 "MsaModule"; which rows it reads (line 2) is drawn outside.
    """

    def __init__(self, sizes: Sizes, c_target: int, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        self.msa = Linear(C_MSA_FEAT, sizes.c_m, bias=False)
        self.target = Linear(c_target, sizes.c_m, bias=False)
        self.blocks = nn.ModuleList(MSAModuleBlock(sizes, pair_block) for _ in range(sizes.num_blocks))

    def forward(
        self,
        target_feat: Float[Tensor, "*batch n c_target"],
        z: Float[Tensor, "*batch n n c_z"],
        msa: AF3MSA,
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        m = self.msa(msa_features(msa).to(z.dtype)) + self.target(target_feat)[..., None, :, :]
        for block in self.blocks:
            m, z = block(m, z, msa.mask.to(z.dtype), pair_mask)
        return z


def msa_features(msa: AF3MSA) -> Float[Tensor, "*batch m n 34"]:
    """Letters, whether something was inserted before each, and how much (AF3 SI Alg. 8 line 1, Table 5)."""
    deletions = msa.deletions.to(msa.mask.dtype)
    has_deletion = deletions.clamp(0, 1)
    deletion_value = torch.atan(deletions / 3) * (2 / math.pi)
    letters = one_hot(msa.rows.long(), NUM_MSA_CLASSES).to(msa.mask.dtype)
    return torch.cat([letters, has_deletion[..., None], deletion_value[..., None]], dim=-1)
