"""The Evoformer and the stack for extra MSA rows: alignment and residue pairs, each informing the other."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.models.af2.config import Evoformer
from foldwright.models.af2.config import ExtraMSAStack as ExtraMSASizes
from foldwright.nn.dropout import ColumnDropout, RowDropout
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.residual import ResidualBlock
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)


class PairBlock(ResidualBlock):
    """What the pairs of residues learn from the triangles they are part of.

    AF2 Suppl. Alg. 6 "EvoformerStack" lines 6-10.
    """

    def __init__(self, c_z: int, c_triangle: int, heads: int, c_attention: int, transition_factor: int, dropout: float):
        super().__init__()
        self.triangle_multiplication_outgoing = TriangleMultiplicationOutgoing(c_z, c_triangle)
        self.triangle_multiplication_incoming = TriangleMultiplicationIncoming(c_z, c_triangle)
        self.triangle_attention_starting = TriangleAttentionStartingNode(c_z, c_attention, heads)
        self.triangle_attention_ending = TriangleAttentionEndingNode(c_z, c_attention, heads)
        self.pair_transition = Transition(c_z, transition_factor)
        self.row_dropout = RowDropout(dropout)
        self.column_dropout = ColumnDropout(dropout)

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        z = self.add(z, self.row_dropout(self.triangle_multiplication_outgoing(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_multiplication_incoming(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_attention_starting(z, mask)))
        z = self.add(z, self.column_dropout(self.triangle_attention_ending(z, mask)))
        return self.add(z, self.pair_transition(z))


class EvoformerBlock(ResidualBlock):
    """One exchange between the alignment and the pairs.

    AF2 Suppl. Alg. 6 "EvoformerStack", one iteration (lines 2-10).
    """

    column_attention: MSAColumnAttention | MSAColumnGlobalAttention

    def __init__(self, config: Evoformer):
        super().__init__()
        c_m, c_z, c_attention, heads = config.c_m, config.c_z, config.c_msa_attention, config.msa_heads
        self.row_attention = MSARowAttentionWithPairBias(c_m, c_z, c_attention, heads)
        self.column_attention = MSAColumnAttention(c_m, c_attention, heads)
        self.msa_transition = Transition(c_m, config.transition_factor)
        self.outer_product_mean = OuterProductMean(c_m, c_z, config.c_outer)
        self.pair = PairBlock(
            c_z,
            config.c_triangle,
            config.pair_heads,
            config.c_pair_attention,
            config.transition_factor,
            config.pair_dropout,
        )
        self.row_dropout = RowDropout(config.msa_dropout)

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        msa_mask: Float[Tensor, "*batch s n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        m = self.add(m, self.row_dropout(self.row_attention(m, z, msa_mask)))
        m = self.add(m, self.column_attention(m, msa_mask))
        m = self.add(m, self.msa_transition(m))
        z = self.add(z, self.outer_product_mean(m, msa_mask))
        return m, self.pair(z, pair_mask)


class MultimerEvoformerBlock(EvoformerBlock):
    """The same exchange, opened by the outer product (AF-Multimer Suppl. 7.3)."""

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        msa_mask: Float[Tensor, "*batch s n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        z = self.add(z, self.outer_product_mean(m, msa_mask))
        m = self.add(m, self.row_dropout(self.row_attention(m, z, msa_mask)))
        m = self.add(m, self.column_attention(m, msa_mask))
        m = self.add(m, self.msa_transition(m))
        return m, self.pair(z, pair_mask)


def evoformer_block(config: Evoformer) -> EvoformerBlock:
    """The block in the order its weights were trained in."""
    return MultimerEvoformerBlock(config) if config.outer_product_first else EvoformerBlock(config)


def extra_msa_block(config: Evoformer, extra: ExtraMSASizes) -> EvoformerBlock:
    """A narrower block whose columns attend globally, so that thousands of rows are affordable.

    AF2 Suppl. Alg. 18 "ExtraMsaStack", one iteration; its columns are AF2 Suppl. Alg. 19 "MSAColumnGlobalAttention".
    """
    c, heads = extra.c_msa_attention, extra.msa_heads
    block = evoformer_block(replace(config, c_m=extra.c_e, c_msa_attention=c, msa_heads=heads))
    block.column_attention = MSAColumnGlobalAttention(extra.c_e, c, heads)
    return block


class EvoformerStack(nn.Module):
    """The body of the network, and the single representation it ends in.

    AF2 Suppl. Alg. 6 "EvoformerStack".
    """

    def __init__(self, config: Evoformer):
        super().__init__()
        self.blocks = nn.ModuleList(evoformer_block(config) for _ in range(config.num_blocks))
        self.single = Linear(config.c_m, config.c_s)

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        msa_mask: Float[Tensor, "*batch s n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"], Float[Tensor, "*batch n c_s"]]:
        for block in self.blocks:
            m, z = block(m, z, msa_mask, pair_mask)
        return m, z, self.single(m[..., 0, :, :])


class ExtraMSAStack(nn.Module):
    """What the rows that became no cluster centre say about the pairs.

    AF2 Suppl. Alg. 18 "ExtraMsaStack".
    """

    def __init__(self, config: Evoformer, extra: ExtraMSASizes):
        super().__init__()
        self.blocks = nn.ModuleList(extra_msa_block(config, extra) for _ in range(extra.num_blocks))

    def forward(
        self,
        e: Float[Tensor, "*batch s n c_e"],
        z: Float[Tensor, "*batch n n c_z"],
        msa_mask: Float[Tensor, "*batch s n"],
        pair_mask: Float[Tensor, "*batch n n"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        for block in self.blocks:
            e, z = block(e, z, msa_mask, pair_mask)
        return z
