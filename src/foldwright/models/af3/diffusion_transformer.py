"""Attention among all tokens, conditioned by what they are and guided by their pairs."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.models.af3.config import Diffusion
from foldwright.nn.adaptive_norm import (
    AdaptiveLayerNorm,
    ConditionedTransition,
    Conditioning,
    OutputGate,
    ScaleLayerNorm,
)
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.residual import ResidualBlock


class ConditionedAttention(nn.Module):
    """Tokens look at each other, guided by the pairs; `s` conditions what goes in and what comes out.

    AF3 SI Alg. 24 "AttentionPairBias" with conditioning, the projection of the pairs (line 8) left out.
    """

    def __init__(self, c_a: int, c_s: int, heads: int = 16):  # N_head = 16, AF3 SI Alg. 20 line 5
        super().__init__()
        self.norm = AdaptiveLayerNorm(c_a, c_s)
        self.core = GatedAttention(c_a, c_a, c_a // heads, heads, c_a, query_bias=True, bias=False)
        self.output_gate = OutputGate(c_a, c_s)

    def forward(
        self,
        a: Float[Tensor, "*batch n c_a"],
        s: Float[Tensor, "*#batch n c_s"],
        bias: Float[Tensor, "*#batch h n n"],
        mask: Float[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch n c_a"]:
        return self.conditioned(a, self.condition(s), bias, mask)

    def condition(self, s: Float[Tensor, "*batch n c_s"]) -> Conditioning:
        """All that `s` alone decides."""
        return Conditioning(self.norm.condition(s), self.output_gate.condition(s))

    def conditioned(self, a: Tensor, by: Conditioning, bias: Tensor, mask: Tensor) -> Float[Tensor, "*batch n c_a"]:
        """The rest."""
        a = self.norm.modulate(a, by.norm)
        return by.gate * self.core(a, a, mask.expand(a.shape[:-1]), bias)


class BlockConditioning(NamedTuple):
    """What `s` decides of a block."""

    attention: Conditioning
    transition: Conditioning


class DiffusionTransformerBlock(ResidualBlock):
    """Attention, then a transition of every token.

    AF3 SI Alg. 23 "DiffusionTransformer", one iteration (lines 2-3).
    """

    def __init__(self, c_a: int, c_s: int, heads: int, factor: int):
        super().__init__()
        self.attention = ConditionedAttention(c_a, c_s, heads)
        self.transition = ConditionedTransition(c_a, c_s, factor)

    def forward(
        self,
        a: Float[Tensor, "*batch n c_a"],
        s: Float[Tensor, "*#batch n c_s"],
        bias: Float[Tensor, "*#batch h n n"],
        mask: Float[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch n c_a"]:
        return self.conditioned(a, self.condition(s), bias, mask)

    def condition(self, s: Float[Tensor, "*batch n c_s"]) -> BlockConditioning:
        """All that `s` alone decides."""
        return BlockConditioning(self.attention.condition(s), self.transition.condition(s))

    def conditioned(
        self, a: Tensor, by: BlockConditioning, bias: Tensor, mask: Tensor
    ) -> Float[Tensor, "*batch n c_a"]:
        """The rest."""
        # DISCREPANCY(AF3 SI Alg. 23 lines 2-3): the paper adds the transition of a to the attention's output, in place
        # of a; as released both are residual updates, the transition seeing what the attention added.
        a = self.add(a, self.attention.conditioned(a, by.attention, bias, mask))
        return self.add(a, self.transition.conditioned(a, by.transition))


class DiffusionTransformer(nn.Module):
    """The body of the denoiser.

    AF3 SI Alg. 23 "DiffusionTransformer".
    """

    def __init__(self, config: Diffusion, c_s: int, c_z: int):
        super().__init__()
        if config.num_blocks % config.blocks_per_pair_bias:
            raise ValueError(f"{config.num_blocks} blocks: not a multiple of {config.blocks_per_pair_bias}")
        self.heads = config.heads
        self.shared = config.blocks_per_pair_bias
        self.pair_norm = ScaleLayerNorm(c_z)
        self.pair_bias = nn.ModuleList(
            Linear(c_z, self.shared * config.heads, bias=False) for _ in range(config.num_blocks // self.shared)
        )
        self.blocks = nn.ModuleList(
            DiffusionTransformerBlock(config.c_token, c_s, config.heads, config.transition_factor)
            for _ in range(config.num_blocks)
        )

    def prepare(self, z: Float[Tensor, "*batch n n c_z"]) -> tuple[Float[Tensor, "*batch h n n"], ...]:
        """What the pairs add to the logits of each block: the same at every noise level."""
        # DISCREPANCY(AF3 SI Alg. 24 line 8): the paper normalises the pairs anew in every block; as released one norm
        # serves all blocks, and one projection makes the logits of several.
        z = self.pair_norm(z)
        return tuple(
            bias.movedim(-1, -3).contiguous()
            for project in self.pair_bias
            for bias in project(z).unflatten(-1, (self.shared, self.heads)).unbind(-2)
        )

    def forward(
        self,
        a: Float[Tensor, "*batch n c_a"],
        s: Float[Tensor, "*#batch n c_s"],
        biases: tuple[Tensor, ...],
        mask: Float[Tensor, "*#batch n"],
    ) -> Float[Tensor, "*batch n c_a"]:
        for block, bias in zip(self.blocks, biases, strict=True):
            a = block(a, s, bias, mask)
        return a
