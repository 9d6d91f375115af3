"""The Pairformer: pairs of tokens through their triangles, and single tokens guided by the pairs."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.models.af3.config import Pairformer, PairSizes
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.dropout import ColumnDropout, RowDropout
from foldwright.nn.residual import ResidualBlock
from foldwright.nn.transition import SwiGLUTransition
from foldwright.nn.triangle import (
    TriangleAttention,
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)


class PairBlock(ResidualBlock):
    """What the pairs of tokens learn from the triangles they are part of.

    AF3 SI Alg. 17 "PairformerStack" lines 2-6, with the ending-node attention of the released weights.
    """

    def __init__(self, sizes: PairSizes):
        super().__init__()
        c_z = sizes.c_z
        self.triangle_multiplication_outgoing = TriangleMultiplicationOutgoing(c_z, sizes.c_triangle, bias=False)
        self.triangle_multiplication_incoming = TriangleMultiplicationIncoming(c_z, sizes.c_triangle, bias=False)
        self.triangle_attention_starting = TriangleAttentionStartingNode(
            c_z, sizes.c_attention, sizes.heads, bias=False
        )
        self.triangle_attention_ending = self.make_ending(sizes)
        self.pair_transition = SwiGLUTransition(c_z, sizes.transition_factor)
        self.row_dropout = RowDropout(sizes.dropout)
        self.column_dropout = ColumnDropout(sizes.dropout)

    def make_ending(self, sizes: PairSizes) -> TriangleAttention:
        """The attention around ending nodes."""
        return TriangleAttentionEndingNodeUnturned(sizes.c_z, sizes.c_attention, sizes.heads, bias=False)

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        z = self.add(z, self.row_dropout(self.triangle_multiplication_outgoing(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_multiplication_incoming(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_attention_starting(z, mask)))
        z = self.add(z, self.column_dropout(self.triangle_attention_ending(z, mask)))
        return self.add(z, self.pair_transition(z))


class PaperPairBlock(PairBlock):
    """The same with the ending-node attention of the paper, for weights that were trained on it."""

    def make_ending(self, sizes: PairSizes) -> TriangleAttention:
        """The attention around ending nodes."""
        return TriangleAttentionEndingNode(sizes.c_z, sizes.c_attention, sizes.heads, bias=False)


class PairformerBlock(ResidualBlock):
    """One update of the pairs, then of the single tokens.

    AF3 SI Alg. 17 "PairformerStack", one iteration (lines 2-8).
    """

    def __init__(self, config: Pairformer, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        self.pair = pair_block(config.pair)
        self.single_attention = AttentionPairBias(config.c_s, config.pair.c_z, config.heads)
        self.single_transition = SwiGLUTransition(config.c_s, config.transition_factor)

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch n c_s"], Float[Tensor, "*batch n n c_z"]]:
        z = self.pair(z, pair_mask)
        s = self.add(s, self.single_attention(s, z, mask))
        s = self.add(s, self.single_transition(s))
        return s, z


class PairformerStack(nn.Module):
    """The body of the network.

    AF3 SI Alg. 17 "PairformerStack".
    """

    def __init__(self, config: Pairformer, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        self.blocks = nn.ModuleList(PairformerBlock(config, pair_block) for _ in range(config.num_blocks))

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch n c_s"], Float[Tensor, "*batch n n c_z"]]:
        for block in self.blocks:
            s, z = block(s, z, mask, pair_mask)
        return s, z
