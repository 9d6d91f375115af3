"""Layers of AF3 whose rows are independent, a few rows at a time: any device, any type, with gradients."""

from torch import Tensor

from foldwright.features.af3.batch import Tokens
from foldwright.kernels.fast import Fast, joined
from foldwright.models.af3.atom_transformer import WindowAttention
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning, PaperDiffusionConditioning
from foldwright.nn.adaptive_norm import ConditionedTransition
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging
from foldwright.nn.relative_position import PaperTokenRelativePosition, TokenRelativePosition
from foldwright.nn.transition import SwiGLUTransition


class ChunkedSwiGLUTransition(Fast, SwiGLUTransition):
    """AF3 SI Alg. 11, a few positions at a time."""

    def positions(self, x: Tensor) -> Tensor:
        """All positions, in pieces."""
        textbook, rows = super().positions, x.reshape(-1, x.shape[-1])
        some = self.pieces(len(rows), 3 * self.expand.out_features * x.element_size())
        return joined(lambda i: textbook(rows[i]), some, 0, len(rows)).view(x.shape)


class ChunkedConditionedTransition(Fast, ConditionedTransition):
    """AF3 SI Alg. 25, a few positions at a time."""

    def positions(self, a: Tensor) -> Tensor:
        """All positions, in pieces."""
        textbook, rows = super().positions, a.reshape(-1, a.shape[-1])
        some = self.pieces(len(rows), 3 * self.expand.out_features * a.element_size())
        return joined(lambda i: textbook(rows[i]), some, 0, len(rows)).view(a.shape)


class ChunkedMSAPairWeightedAveraging(Fast, MSAPairWeightedAveraging):
    """AF3 SI Alg. 10, a few rows of the alignment at a time."""

    def rows(self, m: Tensor, w: Tensor) -> Tensor:
        """All rows, in pieces."""
        textbook, size = super().rows, m.shape[-3]
        some = self.pieces(size, 4 * m.shape[-2] * self.value.out_features * m.element_size())
        return joined(lambda i: textbook(m[..., i, :, :], w), some, -3, size)


class ChunkedAttentionPairBias(Fast, AttentionPairBias):
    """AF3 SI Alg. 24 without conditioning: the pairs are normalised a few rows at a time."""

    def pair_bias(self, z: Tensor) -> Tensor:
        """The logits of all pairs, in pieces."""
        textbook, size = super().pair_bias, z.shape[-3]
        some = self.pieces(size, z[..., 0, :, :].nbytes)
        return joined(lambda i: textbook(z[..., i, :, :]), some, -2, size)


class ChunkedWindowAttention(Fast, WindowAttention):
    """AF3 SI Alg. 24 within windows, a few windows at a time."""

    def windows(self, x_q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """All windows, in pieces."""
        textbook, size = super().windows, x_q.shape[-3]
        some = self.pieces(size, 2 * x_q[..., 0, :, :].numel() * k.shape[-2] // k.shape[-1] * x_q.element_size())
        return joined(
            lambda i: textbook(x_q[..., i, :, :], k[..., i, :, :, :], v[..., i, :, :, :], bias[..., i, :, :, :]),
            some,
            -3,
            size,
        )


class ChunkedTokenRelativePosition(Fast, TokenRelativePosition):
    """AF3 SI Alg. 3, the relations of a few tokens with all others at a time."""

    def rows(self, *tokens: Tensor, some: slice) -> Tensor:
        """All pairs, in pieces."""
        textbook, size = super().rows, tokens[0].shape[-1]
        pieces = self.pieces(size, 3 * tokens[0].nbytes * self.out.in_features)
        return joined(lambda i: textbook(*tokens, some=i), pieces, -3, size)


class ChunkedPaperTokenRelativePosition(ChunkedTokenRelativePosition, PaperTokenRelativePosition):
    """The paper's form, in pieces."""


class ChunkedDiffusionConditioning(Fast, DiffusionConditioning):
    """AF3 SI Alg. 21 lines 1-5, the pairs of a few tokens with all others at a time."""

    def pairs(self, z: Tensor, tokens: Tokens) -> Tensor:
        """All pairs, in pieces."""
        size = z.shape[-3]
        some = self.pieces(size, 4 * z[..., 0, :, :].nbytes)
        return joined(lambda i: self.rows(z[..., i, :, :], tokens, i), some, -3, size)


class ChunkedPaperDiffusionConditioning(ChunkedDiffusionConditioning, PaperDiffusionConditioning):
    """The paper's form, in pieces."""
