"""One pass of the trunk: from input features to single and pair representations, given those of the pass before."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.af3.batch import AF3Batch
from foldwright.features.batch import TensorGroup
from foldwright.models.af3.config import AF3
from foldwright.models.af3.embed import InputEmbedder, RecyclingEmbedder
from foldwright.models.af3.msa_module import MSAModule
from foldwright.models.af3.pairformer import PairBlock, PairformerStack
from foldwright.models.af3.templates import TemplateEmbedder, pairs
from foldwright.nn.relative_position import TokenRelativePosition


@dataclass(frozen=True, kw_only=True)
class TrunkState(TensorGroup):
    """What one pass hands to the next, and the last one to the sampler and the heads."""

    single: Float[Tensor, "*batch n c_s"]
    pair: Float[Tensor, "*batch n n c_z"]

    @classmethod
    def zeros(cls, mask: Float[Tensor, "*batch n"], c_s: int, c_z: int) -> TrunkState:
        """What the first pass is given, for tokens with this mask."""
        n = mask.shape[-1]
        return cls(single=mask.new_zeros(*mask.shape, c_s), pair=mask.new_zeros(*mask.shape, n, c_z))


class Trunk(nn.Module):
    """What one draw of the alignment's rows says, given what the previous pass found.

    AF3 SI Alg. 1 "MainInferenceLoop" lines 2-5 and the body of its loop, lines 7-13.
    """

    def __init__(
        self,
        config: AF3,
        pair_block: type[PairBlock] = PairBlock,
        relative_position: type[TokenRelativePosition] = TokenRelativePosition,
    ):
        super().__init__()
        c_s, c_z, c_target = config.c_s, config.c_z, config.c_target
        self.input_embedder = InputEmbedder(c_target, c_s, c_z, relative_position)
        self.recycling_embedder = RecyclingEmbedder(c_s, c_z)
        self.template_embedder = TemplateEmbedder(config.templates, c_z, pair_block)
        self.msa_module = MSAModule(config.msa, c_target, pair_block)
        self.pairformer = PairformerStack(config.pairformer, pair_block)

    def forward(
        self, batch: AF3Batch, target_feat: Float[Tensor, "*batch n c_target"], previous: TrunkState
    ) -> TrunkState:
        mask = batch.tokens.mask.to(target_feat.dtype)
        pair_mask = pairs(mask)
        s, z = self.input_embedder(target_feat, batch.tokens, batch.bonds)
        s, z = self.recycled(s, z, previous)
        z = z + self.template_embedder(z, batch.templates, batch.tokens.asym_id, pair_mask)
        z = self.msa_module(target_feat, z, batch.msa, pair_mask)
        s, z = self.pairformer(s, z, mask, pair_mask)
        return TrunkState(single=s, pair=z)

    def recycled(
        self, s: Float[Tensor, "*batch n c_s"], z: Float[Tensor, "*batch n n c_z"], previous: TrunkState
    ) -> tuple[Float[Tensor, "*batch n c_s"], Float[Tensor, "*batch n n c_z"]]:
        """What the pass before found, added (lines 8 and 11); nothing of it outlives the sum."""
        s_update, z_update = self.recycling_embedder(previous.single, previous.pair)
        return s + s_update, z + z_update
