"""Layers whose rows are independent, a few rows at a time: any device, any type, with gradients."""

from torch import Tensor

from foldwright.kernels.fast import Fast, joined
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttention,
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
)


class ChunkedMSARowAttention(Fast, MSARowAttentionWithPairBias):
    """AF2 Suppl. Alg. 7, a few rows at a time."""

    def rows(self, m: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """The rows of the alignment, in pieces."""
        textbook, size = super().rows, m.shape[-3]
        some = self.pieces(size, _attention_bytes(m, self.core.heads))
        return joined(lambda i: textbook(m[..., i, :, :], mask[..., i, :], b), some, -3, size)


class ChunkedMSAColumnAttention(Fast, MSAColumnAttention):
    """AF2 Suppl. Alg. 8, a few columns at a time."""

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """The columns, in pieces."""
        textbook, size = super().columns, m.shape[-3]
        some = self.pieces(size, _attention_bytes(m, self.core.heads))
        return joined(lambda i: textbook(m[..., i, :, :], mask[..., i, :]), some, -3, size)


class ChunkedMSAColumnGlobalAttention(Fast, MSAColumnGlobalAttention):
    """AF2 Suppl. Alg. 19, a few columns at a time."""

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """The columns, in pieces."""
        textbook, size = super().columns, m.shape[-3]
        some = self.pieces(size, 4 * m[..., 0, :, :].nbytes)
        return joined(lambda i: textbook(m[..., i, :, :], mask[..., i, :]), some, -3, size)


class ChunkedTriangleAttention(Fast, TriangleAttention):
    """AF2 Suppl. Alg. 13 and 14, a few rows at a time."""

    def rows(self, z: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """The rows of the pair matrix, in pieces."""
        textbook, size = super().rows, z.shape[-3]
        some = self.pieces(size, _attention_bytes(z, self.core.heads))
        return joined(lambda i: textbook(z[..., i, :, :], mask[..., i, :], b), some, -3, size)


class ChunkedTriangleAttentionStartingNode(ChunkedTriangleAttention, TriangleAttentionStartingNode):
    """AF2 Suppl. Alg. 13, in pieces."""


class ChunkedTriangleAttentionEndingNode(ChunkedTriangleAttention, TriangleAttentionEndingNode):
    """AF2 Suppl. Alg. 14, in pieces."""


class ChunkedTriangleAttentionEndingNodeUnturned(ChunkedTriangleAttention, TriangleAttentionEndingNodeUnturned):
    """The form of AF3's released weights, in pieces."""


class ChunkedOuterProductMean(Fast, OuterProductMean):
    """AF2 Suppl. Alg. 10, the pairs of a few residues at a time."""

    def project(self, a: Tensor, b: Tensor) -> Tensor:
        """Outer products of a few residues with all others, projected."""
        textbook, size = super().project, a.shape[-2]
        some = self.pieces(size, a.shape[-1] * b.shape[-1] * b.shape[-2] * a.element_size())
        return joined(lambda i: textbook(a[..., i, :], b), some, -3, size)


class ChunkedTransition(Fast, Transition):
    """AF2 Suppl. Alg. 9 and 15, a few positions at a time."""

    def positions(self, x: Tensor) -> Tensor:
        """All positions, in pieces."""
        textbook, rows = super().positions, x.reshape(-1, x.shape[-1])
        some = self.pieces(len(rows), self.expand.out_features * x.element_size())
        return joined(lambda i: textbook(rows[i]), some, 0, len(rows)).view(x.shape)


class ChunkedTemplatePointwiseAttention(Fast, TemplatePointwiseAttention):
    """AF2 Suppl. Alg. 17, a few rows of pairs at a time."""

    def pairs(self, z: Tensor, t: Tensor, mask: Tensor) -> Tensor:
        """All pairs, in pieces."""
        textbook, size = super().pairs, z.shape[-3]
        some = self.pieces(size, 4 * t[..., 0, :, :, :].nbytes)
        return joined(lambda i: textbook(z[..., i, :, :], t[..., i, :, :, :], mask), some, -3, size)


def _attention_bytes(x: Tensor, heads: int) -> int:
    """What one row of attention along x [*batch r l c] needs: queries to gate, and the logits."""
    *_, length, c = x.shape
    return length * (4 * c + heads * length) * x.element_size()
