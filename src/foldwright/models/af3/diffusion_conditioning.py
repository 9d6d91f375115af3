"""What the denoiser is told besides positions: what the trunk found, and how much noise there is."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foldwright.features.af3.batch import Tokens
from foldwright.models.af3.config import Diffusion
from foldwright.models.af3.fourier import FourierEmbedding
from foldwright.nn.adaptive_norm import ScaleLayerNorm
from foldwright.nn.linear import Linear
from foldwright.nn.relative_position import num_token_relations, paper_token_relations, token_relations
from foldwright.nn.residual import ResidualBlock
from foldwright.nn.transition import SwiGLUTransition


class DiffusionConditioning(ResidualBlock):
    """Single tokens and pairs for the denoiser. Only what depends on the noise level is computed at every step.

    AF3 SI Alg. 21 "DiffusionConditioning".
    """

    def __init__(self, config: Diffusion, c_target: int, c_s: int, c_z: int):
        super().__init__()
        self.sigma_data = config.sigma_data
        c_pair, c_single = c_z + num_token_relations(), c_s + c_target
        count, factor = config.num_conditioning_transitions, config.transition_factor
        self.pair_norm = ScaleLayerNorm(c_pair)
        self.pair = Linear(c_pair, c_z, bias=False)
        self.pair_transitions = nn.ModuleList(SwiGLUTransition(c_z, factor) for _ in range(count))
        self.single_norm = ScaleLayerNorm(c_single)
        self.single = Linear(c_single, c_s, bias=False)
        self.fourier = FourierEmbedding(config.c_noise)
        self.noise_norm = ScaleLayerNorm(config.c_noise)
        self.noise = Linear(config.c_noise, c_s, bias=False)
        self.single_transitions = nn.ModuleList(SwiGLUTransition(c_s, factor) for _ in range(count))

    def pairs(self, z: Float[Tensor, "*batch n n c_z"], tokens: Tokens) -> Float[Tensor, "*batch n n c_z"]:
        """Lines 1-5."""
        return self.rows(z, tokens, slice(None))

    def rows(self, z: Float[Tensor, "*batch i n c_z"], tokens: Tokens, some: slice) -> Float[Tensor, "*batch i n c_z"]:
        """Seam: rows are independent; `z` has those of `some` tokens."""
        relations = self.relations(tokens, some).to(z.dtype)
        z = self.pair(self.pair_norm(torch.cat([z, relations], dim=-1)))
        for transition in self.pair_transitions:
            z = self.add(z, transition(z))
        return z

    def relations(self, tokens: Tokens, some: slice) -> Int[Tensor, "*batch i n c"]:
        """Where tokens stand to each other (line 1)."""
        return token_relations(*_places(tokens), some=some)

    def singles(
        self, s: Float[Tensor, "*batch n c_s"], target_feat: Float[Tensor, "*batch n c_target"]
    ) -> Float[Tensor, "*batch n c_s"]:
        """Lines 6-7."""
        return self.single(self.single_norm(torch.cat([s, target_feat], dim=-1)))

    def forward(
        self, s: Float[Tensor, "*#batch n c_s"], t_hat: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch n c_s"]:
        """Lines 8-12, from what `singles` made."""
        waves = self.fourier(torch.log(t_hat / self.sigma_data) / 4)
        s = s + self.noise(self.noise_norm(waves))[..., None, :]
        for transition in self.single_transitions:
            s = self.add(s, transition(s))
        return s


class PaperDiffusionConditioning(DiffusionConditioning):
    """The same for weights that were trained on the paper's form of Alg. 3 line 8.

    AF3 SI Alg. 21 "DiffusionConditioning".
    """

    def relations(self, tokens: Tokens, some: slice) -> Int[Tensor, "*batch i n c"]:
        """Where tokens stand to each other (line 1)."""
        return paper_token_relations(*_places(tokens), some=some)


def _places(tokens: Tokens) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return tokens.residue_index, tokens.token_index, tokens.asym_id, tokens.entity_id, tokens.sym_id
