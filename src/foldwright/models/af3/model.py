"""The whole of AlphaFold 3: the trunk run again on what it made, structures from noise, and what they are worth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foldwright.features.af3.batch import AF3Batch
from foldwright.features.batch import TensorGroup
from foldwright.models.af3.atom_encoder import AtomPairEmbedder
from foldwright.models.af3.atom_transformer import AtomTransformer
from foldwright.models.af3.confidence import confidence
from foldwright.models.af3.confidence_head import ConfidenceHead
from foldwright.models.af3.config import AF3
from foldwright.models.af3.diffusion import DiffusionModule
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning
from foldwright.models.af3.distogram import DistogramHead, contact_probabilities, distogram_edges
from foldwright.models.af3.embed import InputFeatureEmbedder
from foldwright.models.af3.outputs import Confidence
from foldwright.models.af3.pairformer import PairBlock
from foldwright.models.af3.sampler import Draws, Step, noise_levels, steps
from foldwright.models.af3.trunk import Trunk, TrunkState
from foldwright.nn.relative_position import TokenRelativePosition

RowOrder = Int[Tensor, "*batch k"]  # the rows of the alignment that one pass reads


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Equations in which weights trained elsewhere follow the paper where the released ones do not."""

    pair_block: type[PairBlock] = PairBlock
    atom_pair_embedder: type[AtomPairEmbedder] = AtomPairEmbedder
    atom_transformer: type[AtomTransformer] = AtomTransformer
    relative_position: type[TokenRelativePosition] = TokenRelativePosition
    diffusion_conditioning: type[DiffusionConditioning] = DiffusionConditioning


@dataclass(frozen=True, kw_only=True)
class AF3Output(TensorGroup):
    """Everything one run computes; samples are the first axis of structures and of their confidence."""

    target_feat: Float[Tensor, "*batch n c_target"]
    trunk: TrunkState
    distogram_logits: Float[Tensor, "*batch n n bins"]
    contact_probabilities: Float[Tensor, "*batch n n"]
    positions: Float[Tensor, "samples *batch n 24 3"]  # angstrom
    confidence: Confidence


class AlphaFold3(nn.Module):
    """AlphaFold 3 as its configuration says.

    AF3 SI Alg. 1 "MainInferenceLoop". What is random comes from outside: the rows of each pass and the sampler's draws.
    """

    def __init__(self, config: AF3, parts: Parts | None = None):
        super().__init__()
        parts = parts or Parts()
        self.config = config
        self.input_features = InputFeatureEmbedder(config, parts.atom_pair_embedder, parts.atom_transformer)
        self.trunk = Trunk(config, parts.pair_block, parts.relative_position)
        self.diffusion = DiffusionModule(
            config, parts.atom_pair_embedder, parts.atom_transformer, parts.diffusion_conditioning
        )
        self.distogram_head = DistogramHead(config.c_z, config.heads.num_distogram_bins)
        self.confidence_head = ConfidenceHead(config, parts.pair_block)

    def forward(self, batch: AF3Batch, orders: Sequence[RowOrder], draws: Draws) -> AF3Output:
        """As many passes as there are orders of rows, as many structures as `draws` has samples of."""
        target_feat = self.input_features(batch)
        (state,) = deque(self.passes(batch, target_feat, orders), maxlen=1)
        (step,) = deque(self.steps(batch, target_feat, state, draws), maxlen=1)
        return self.output(batch, target_feat, state, step.positions)

    def passes(
        self, batch: AF3Batch, target_feat: Float[Tensor, "*batch n c_target"], orders: Sequence[RowOrder]
    ) -> Iterator[TrunkState]:
        """Every pass of the trunk as it is done (lines 6-14); the last one alone can be differentiated."""
        mask = batch.tokens.mask.to(target_feat.dtype)
        state = TrunkState.zeros(mask, self.config.c_s, self.config.c_z)
        for left, order in zip(reversed(range(len(orders))), orders, strict=True):
            with torch.set_grad_enabled(left == 0 and torch.is_grad_enabled()):
                state = self.trunk(with_rows(batch, order), target_feat, state)
            yield state

    def steps(
        self, batch: AF3Batch, target_feat: Float[Tensor, "*batch n c_target"], state: TrunkState, draws: Draws
    ) -> Iterator[Step]:
        """Every step of the sampler as it is done (line 15)."""
        prepared = self.diffusion.prepare(state.single, state.pair, target_feat, batch)
        levels = noise_levels(self.config.sampling, self.config.diffusion.sigma_data).to(target_feat)
        return steps(
            lambda x_noisy, t_hat: self.diffusion.denoise(prepared, x_noisy, t_hat),
            levels,
            draws,
            batch.atom_mask.to(target_feat.dtype),
            self.config.sampling,
        )

    def output(
        self,
        batch: AF3Batch,
        target_feat: Float[Tensor, "*batch n c_target"],
        state: TrunkState,
        positions: Float[Tensor, "samples *batch n 24 3"],
    ) -> AF3Output:
        """What the heads say of the trunk and of every structure (lines 16-17); logits of one sample at a time."""
        heads = self.config.heads
        distogram_logits = self.distogram_head(state.pair)
        of_samples = [
            confidence(
                self.confidence_head(batch, target_feat, state.single, state.pair, sample),
                batch.tokens,
                heads.max_error,
            )
            for sample in positions
        ]
        return AF3Output(
            target_feat=target_feat,
            trunk=state,
            distogram_logits=distogram_logits,
            contact_probabilities=contact_probabilities(distogram_logits, distogram_edges(heads), batch.tokens.mask),
            positions=positions,
            confidence=Confidence.collate(of_samples),
        )


def with_rows(batch: AF3Batch, order: RowOrder) -> AF3Batch:
    """The batch whose alignment has these rows alone."""
    return replace(batch, msa=batch.msa.take(order))
