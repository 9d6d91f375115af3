"""Attention layers for training on a CPU: projections joined, logits a few rows at a time, twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foldwright.kernels.attention import ERASED
from foldwright.kernels.cpu_attention import (
    CPUAttention,
    CPUMSARowAttention,
    CPUTriangleAttentionEndingNode,
    CPUTriangleAttentionEndingNodeUnturned,
    CPUTriangleAttentionStartingNode,
)
from foldwright.kernels.fast import stacked_weights, writes_gradients
from foldwright.nn.attention import MASKED

MOST_KEPT = 1 << 22  # softmax weights of a layer that are kept for its gradient; more are computed again


class _Sizes(NamedTuple):
    heads: int
    piece_bytes: int


class TrainedAttention(CPUAttention):
    """The part that layers biased by pairs share; without gradients they are the layers for inference.

    torch's fused attention has a gradient too, but none for the bias.
    """

    is_inference_only = False
    has_own_gradient = True

    def differentiable_rows(self, x: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """Gated self-attention along the rows of normalised x [*batch r l c], with logits b [*batch 1 h l l]."""
        core = self.core
        assert core.gate is not None
        weight = stacked_weights(core.query, core.key, core.value, core.gate, dtype=x.dtype)
        shape = x.shape
        x, mask = x.reshape(-1, *shape[-3:]), mask.reshape(-1, *shape[-3:-1])
        b = b.reshape(-1, core.heads, *b.shape[-2:])
        o = _GatedAttention.apply(x, weight, core.gate.bias, mask, b, _Sizes(core.heads, self.piece_bytes))
        return core.out(o).view(*shape[:-1], -1)


class _GatedAttention(torch.autograd.Function):
    """Gated heads [b r l h·c] of x [b r l c_in]; kept for the gradient: projections, and weights if they are few."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, gate_bias: Tensor | None, mask: Tensor, b: Tensor, sizes: _Sizes
    ) -> Tensor:
        p = (x.flatten(0, -2) @ weight.t()).view(*x.shape[:-1], 4, sizes.heads, -1)
        gate = p[..., 3, :, :]
        if gate_bias is not None:
            gate.add_(gate_bias.view(sizes.heads, -1))
        gate.sigmoid_()
        o = torch.empty_like(gate, memory_format=torch.contiguous_format)
        kept = []
        for piece in _pieces(mask, b, sizes):
            q, k, v = piece.projections(p)
            weights = piece.weights(q, k)
            piece.of(o).copy_(torch.bmm(weights, v))
            if sizes.heads * mask.numel() * mask.shape[-1] <= MOST_KEPT:
                kept.append(weights)
        ctx.save_for_backward(x, weight, mask, b, p, o, *kept)
        ctx.sizes, ctx.has_bias = sizes, gate_bias is not None
        return (o * gate).flatten(-2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mask, b, p, o, *kept = ctx.saved_tensors
        sizes: _Sizes = ctx.sizes
        gate, d_out = p[..., 3, :, :], gradients[0].unflatten(-1, (sizes.heads, -1))
        d_p, d_b = torch.empty_like(p), torch.zeros_like(b)
        d_p[..., 3, :, :] = torch.ops.aten.sigmoid_backward(d_out * o, gate)
        d_o = d_out * gate
        for piece, weights in zip_longest(_pieces(mask, b, sizes), kept):
            d_logits = piece.backward(p, d_o, d_p, weights)
            d_b[piece.item, piece.head] += d_logits.sum(0)
        rows = d_p.view(-1, len(weight))
        d_gate_bias = d_p[..., 3, :, :].flatten(0, -3).sum(0).flatten() if ctx.has_bias else None
        return (rows @ weight).view_as(x), rows.t() @ x.flatten(0, -2), d_gate_bias, None, d_b, None


class _Piece(NamedTuple):
    """One head of a few rows of one item of the batch."""

    item: int
    rows: slice
    head: int
    bias: Tensor  # [l l], added to the logits of these rows
    bias_of_odd: Tensor  # [l l], where rows are masked in other ways
    odd: Tensor  # which rows those are
    mask_of_odd: Tensor  # [odd l]

    def of(self, x: Tensor) -> Tensor:
        """Its part of x [b r l ... h c]."""
        return x[self.item, self.rows, ..., self.head, :]

    def projections(self, p: Tensor) -> Iterable[Tensor]:
        """Queries, keys and values [r l c] of the joined projections [b r l 4 h c]."""
        return self.of(p)[:, :, :3].permute(2, 0, 1, 3).contiguous()

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Softmax of the logits [r l l]."""
        logits = _logits(q, k, self.bias)
        if len(self.odd):
            of_odd = _logits(q[self.odd], k[self.odd], self.bias_of_odd)
            logits[self.odd] = of_odd.masked_fill_(self.mask_of_odd[:, None, :] == 0, MASKED)
        return torch.softmax(logits, dim=-1)

    def backward(self, p: Tensor, d_o: Tensor, d_p: Tensor, weights: Tensor | None) -> Tensor:
        """Writes the gradients of queries, keys and values into d_p [b r l 4 h c]; returns those of the logits."""
        (q, k, v), d_o = self.projections(p), self.of(d_o).contiguous()
        weights = self.weights(q, k) if weights is None else weights
        d_weights = torch.bmm(d_o, v.transpose(1, 2))
        d_logits = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype)
        if len(self.odd):
            d_logits[self.odd[(self.mask_of_odd == 0).all(-1)]] = 0  # where all logits are the same number
        d_q, d_k, d_v, _ = self.of(d_p).unbind(2)
        d_q.copy_(torch.bmm(d_logits, k).mul_(q.shape[-1] ** -0.5))
        d_k.copy_(torch.bmm(d_logits.transpose(1, 2), q).mul_(q.shape[-1] ** -0.5))
        d_v.copy_(torch.bmm(weights.transpose(1, 2), d_o))
        return d_logits


def _logits(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    return torch.baddbmm(bias.expand(len(q), -1, -1), q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)


def _pieces(mask: Tensor, b: Tensor, sizes: _Sizes) -> Iterator[_Piece]:
    """Most rows are masked as the fullest one is, by padding after the last residue: they share one bias."""
    step = max(1, sizes.piece_bytes // (4 * mask.shape[-1] ** 2))
    for item, rows in enumerate(mask):
        usual = rows[rows.sum(-1).argmax()]
        biases = b[item] if usual.all() else b[item] + (1 - usual) * ERASED
        is_odd = (rows != usual).any(-1)
        for head in range(sizes.heads):
            for start in range(0, len(rows), step):
                some = slice(start, start + step)
                odd = is_odd[some].nonzero().squeeze(-1)
                yield _Piece(item, some, head, biases[head], b[item, head], odd, rows[some][odd])


class TrainedMSARowAttention(TrainedAttention, CPUMSARowAttention):
    """AF2 Suppl. Alg. 7 with its gradient."""

    def rows(self, m: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """The rows of the alignment."""
        if not writes_gradients(m):
            return super().rows(m, mask, b)
        return self.differentiable_rows(self.norm(m), mask, b)


class TrainedTriangleAttention(TrainedAttention):
    """AF2 Suppl. Alg. 13 and 14 with their gradients."""

    def rows(self, z: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """The rows of normalised z."""
        if not writes_gradients(z):
            return super().rows(z, mask, b)  # type: ignore[misc]
        return self.differentiable_rows(z, mask, b)


class TrainedTriangleAttentionStartingNode(TrainedTriangleAttention, CPUTriangleAttentionStartingNode):
    """AF2 Suppl. Alg. 13 with its gradient."""


class TrainedTriangleAttentionEndingNode(TrainedTriangleAttention, CPUTriangleAttentionEndingNode):
    """AF2 Suppl. Alg. 14 with its gradient."""


class TrainedTriangleAttentionEndingNodeUnturned(TrainedTriangleAttention, CPUTriangleAttentionEndingNodeUnturned):
    """The form of AF3's released weights with its gradient."""
