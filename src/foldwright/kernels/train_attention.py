"""Attention layers for training on a CPU: projections joined, logits a few rows at a time, twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foldwright.kernels.attention import ERASED
from foldwright.kernels.cpu_attention import (
    CPUAttention,
    CPUMSAColumnAttention,
    CPUMSARowAttention,
    CPUTriangleAttentionEndingNode,
    CPUTriangleAttentionStartingNode,
)
from foldwright.kernels.fast import stacked_weights, writes_gradients
from foldwright.nn.attention import MASKED


class _Sizes(NamedTuple):
    heads: int
    piece_bytes: int


class TrainedAttention(CPUAttention):
    """The part the layers share; without gradients they are the layers for inference."""

    is_inference_only = False
    has_own_gradient = True

    def differentiable_rows(self, x: Tensor, mask: Tensor, b: Tensor | None) -> Tensor:
        """Gated self-attention along the rows of normalised x [*batch r l c], with logits b [*batch 1 h l l]."""
        core = self.core
        assert core.gate is not None
        weight = stacked_weights(core.query, core.key, core.value, core.gate, dtype=x.dtype)
        shape = x.shape
        x, mask = x.reshape(-1, *shape[-3:]), mask.reshape(-1, *shape[-3:-1])
        b = None if b is None else b.reshape(-1, core.heads, *b.shape[-2:])
        o = _GatedAttention.apply(x, weight, core.gate.bias, mask, b, _Sizes(core.heads, self.piece_bytes))
        return core.out(o).view(*shape[:-1], -1)


class _GatedAttention(torch.autograd.Function):
    """Gated heads [b r l h·c] of x [b r l c_in]; the projections are kept for the gradient, the logits are not."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, gate_bias: Tensor, mask: Tensor, b: Tensor | None, sizes: _Sizes
    ) -> Tensor:
        p = (x.flatten(0, -2) @ weight.t()).view(*x.shape[:-1], 4, sizes.heads, -1)
        gate = p[..., 3, :, :]
        gate.add_(gate_bias.view(sizes.heads, -1)).sigmoid_()
        o = torch.empty_like(gate, memory_format=torch.contiguous_format)
        for piece in _pieces(mask, b, sizes):
            q, k, v = piece.projections(p)
            o[piece.item, piece.rows, :, piece.head] = torch.bmm(piece.weights(q, k), v)
        ctx.save_for_backward(x, weight, mask, b, p, o)
        ctx.sizes = sizes
        return (o * gate).flatten(-2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mask, b, p, o = ctx.saved_tensors
        sizes: _Sizes = ctx.sizes
        gate, d_out = p[..., 3, :, :], gradients[0].unflatten(-1, (sizes.heads, -1))
        d_p, d_b = torch.empty_like(p), None if b is None else torch.zeros_like(b)
        d_p[..., 3, :, :] = torch.ops.aten.sigmoid_backward(d_out * o, gate)
        d_o = d_out * gate
        for piece in _pieces(mask, b, sizes):
            d_logits = piece.backward(p, d_o, d_p)
            if d_b is not None:
                d_b[piece.item, piece.head] += d_logits.sum(0)
        rows = d_p.view(-1, len(weight))
        d_gate_bias = d_p[..., 3, :, :].flatten(0, -3).sum(0).flatten()
        return (rows @ weight).view_as(x), rows.t() @ x.flatten(0, -2), d_gate_bias, None, d_b, None


class _Piece(NamedTuple):
    """One head of a few rows of one item of the batch."""

    item: int
    rows: slice | Tensor
    head: int
    bias: Tensor | None  # [l l] or [l], added to the logits of all these rows
    mask: Tensor | None  # [r l], where rows are masked in different ways

    def of(self, x: Tensor) -> Tensor:
        """Its part of x [b r l h c]; a view where rows are a slice."""
        return x[self.item, :, :, self.head][self.rows]

    def projections(self, p: Tensor) -> Iterable[Tensor]:
        """Queries, keys and values [r l c] of the joined projections [b r l 4 h c]."""
        return p[self.item, :, :, :3, self.head][self.rows].permute(2, 0, 1, 3).contiguous()

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Softmax of the logits [r l l]."""
        bias, scale = q.new_zeros(()) if self.bias is None else self.bias, q.shape[-1] ** -0.5
        bias = bias.expand(len(q), q.shape[1], q.shape[1])
        logits = torch.baddbmm(bias, q, k.transpose(1, 2), beta=0 if self.bias is None else 1, alpha=scale)
        if self.mask is not None:
            logits.masked_fill_(self.mask[:, None, :] == 0, MASKED)
        return torch.softmax(logits, dim=-1)

    def backward(self, p: Tensor, d_o: Tensor, d_p: Tensor) -> Tensor:
        """Writes the gradients of queries, keys and values into d_p [b r l 4 h c]; returns those of the logits."""
        (q, k, v), d_o = self.projections(p), self.of(d_o).contiguous()
        weights = self.weights(q, k)
        d_weights = torch.bmm(d_o, v.transpose(1, 2))
        d_logits = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype)
        if self.mask is not None:
            d_logits[(self.mask == 0).all(-1)] = 0  # where all logits are the same number
        d_p, scale = d_p[self.item, :, :, :, self.head], q.shape[-1] ** -0.5
        d_p[self.rows, :, 0] = torch.bmm(d_logits, k).mul_(scale)
        d_p[self.rows, :, 1] = torch.bmm(d_logits.transpose(1, 2), q).mul_(scale)
        d_p[self.rows, :, 2] = torch.bmm(weights.transpose(1, 2), d_o)
        return d_logits


def _pieces(mask: Tensor, b: Tensor | None, sizes: _Sizes) -> Iterator[_Piece]:
    """Most rows are masked as the fullest one is, by padding after the last residue: they share one bias."""
    step = max(1, sizes.piece_bytes // (4 * mask.shape[-1] ** 2))
    for item, rows in enumerate(mask):
        usual = rows[rows.sum(-1).argmax()]
        is_odd = (rows != usual).any(-1)
        plain: list[slice | Tensor] = [slice(i, i + step) for i in range(0, len(rows), step)]
        some = list((~is_odd).nonzero().squeeze(-1).split(step)) if is_odd.any() else plain
        odd = is_odd.nonzero().squeeze(-1).split(step) if is_odd.any() else ()
        erased = None if usual.all() else (1 - usual) * ERASED
        for head in range(sizes.heads):
            of_pairs = None if b is None else b[item, head]
            bias = erased if of_pairs is None else of_pairs if erased is None else of_pairs + erased
            yield from (_Piece(item, piece, head, bias, None) for piece in some)
            yield from (_Piece(item, piece, head, of_pairs, rows[piece]) for piece in odd)


class TrainedMSARowAttention(TrainedAttention, CPUMSARowAttention):
    """AF2 Suppl. Alg. 7 with its gradient."""

    def rows(self, m: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """The rows of the alignment."""
        if not writes_gradients(m):
            return super().rows(m, mask, b)
        return self.differentiable_rows(self.norm(m), mask, b)


class TrainedMSAColumnAttention(TrainedAttention, CPUMSAColumnAttention):
    """AF2 Suppl. Alg. 8 with its gradient."""

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """The columns [*batch n s c_m]."""
        if not writes_gradients(m):
            return super().columns(m, mask)
        return self.differentiable_rows(self.norm(m), mask, None)


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
