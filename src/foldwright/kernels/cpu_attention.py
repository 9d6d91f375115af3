"""Attention layers for inference on a CPU: a few rows at a time, from normalisation to output, within the cache."""

from collections.abc import Callable

import torch
from torch import Tensor

from foldwright.kernels.attention import ERASED
from foldwright.kernels.fast import (
    AddsInPlace,
    Fast,
    each_of_batch,
    linear_into,
    linear_onto,
    normalised,
    over_batch,
    stacked_weights,
)
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import LayerNorm, Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSARowAttentionWithPairBias
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
)


class PairLogits(Fast):
    """What pairs add to logits, without a copy of the pairs."""

    def logits_of_pairs(self, z: Tensor, norm: LayerNorm, linear: Linear) -> Tensor:
        """The bias of all rows, [1 h n n], written head by head without a transposing copy."""
        n, c = z.shape[1:]
        b = z.new_empty(linear.out_features, len(z), n)

        def project(rows: slice) -> None:
            y = normalised(z[rows], norm, z.dtype).flatten(0, 1)
            b[:, rows] = (linear.weight @ y.t()).unflatten(1, (-1, n))

        self.each_piece(len(z), n * c * z.element_size(), project)
        return b[None]


class CPUAttention(PairLogits):
    """The part the layers share."""

    is_inference_only = True
    norm: LayerNorm
    core: GatedAttention

    def each_row(self, x: Tensor, mask: Tensor, b: Tensor | None) -> Tensor:
        """Gated self-attention along the rows of x [r l c], with logits b [1 h l l] common to them."""
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        self.gather_rows(x, mask, b, lambda rows, o: linear_into(out[rows].flatten(0, 1), o, self.core.out))
        return out

    def gather_rows(self, x: Tensor, mask: Tensor, b: Tensor | None, write: Callable[[slice, Tensor], None]) -> None:
        """Hands on ranges of rows, and what each of their positions gathered, [rows·l h·c]."""
        dtype = self.product_dtype or x.dtype
        core, length = self.core, x.shape[1]
        assert core.gate is not None
        weight = stacked_weights(core.query, core.key, core.value, core.gate, dtype=dtype)
        gate_bias = None if core.gate.bias is None else core.gate.bias.to(dtype).view(core.heads, -1)
        logits = RowLogits(mask, b, dtype)

        def attend(rows: slice) -> None:
            projected = normalised(x[rows], self.norm, dtype).flatten(0, 1) @ weight.t()
            q, k, v, g = projected.unflatten(-1, (4, core.heads, -1)).unflatten(0, (-1, length)).unbind(-3)
            o = logits.attend(q, k, v, rows)
            o.mul_((g if gate_bias is None else g.add_(gate_bias)).sigmoid_())
            write(rows, o.flatten(2).flatten(0, 1))

        self.each_piece(len(x), length * len(weight) * dtype.itemsize, attend)


class RowLogits:
    """What is added to the logits of each row: those that rows share, and where a row is masked."""

    def __init__(self, mask: Tensor, b: Tensor | None, dtype: torch.dtype):
        self.erased = ((1 - mask.contiguous()) * ERASED).to(dtype)[:, None, None, :]
        self.common = None if b is None else b.to(dtype)
        # Most rows are masked as the first one is, by the padding after the last residue: one sum serves them all.
        self.is_odd = (mask != mask[:1]).any(-1).tolist()
        self.shared = None if b is None else b.to(dtype) + self.erased[:1]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, rows: slice) -> Tensor:
        """Softmax attention of [r l h c], each row of its own."""
        if self.common is None:
            return _attend(q, k, v, self.erased[rows])
        if not any(self.is_odd[rows]):
            return _attend(q, k, v, self.shared)
        one_by_one = zip(q.split(1), k.split(1), v.split(1), self.erased[rows].split(1), strict=True)
        return torch.cat([_attend(q, k, v, self.common + erased) for q, k, v, erased in one_by_one])


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2)


class CPUMSARowAttention(CPUAttention, MSARowAttentionWithPairBias):
    """AF2 Suppl. Alg. 7, a few rows at a time."""

    def forward(self, m: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(m, z, mask)
        return over_batch(self._one, 3, m, z, mask)

    def _one(self, m: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        return self.each_row(m, mask, self.logits_of_pairs(z, self.pair_norm, self.bias))


class CPUMSAColumnAttention(CPUAttention, MSAColumnAttention):
    """AF2 Suppl. Alg. 8, a few columns at a time."""

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """The columns [*batch n s c_m], in pieces."""
        if torch.is_grad_enabled():
            return super().columns(m, mask)
        return over_batch(lambda m, mask: self.each_row(m, mask, None), 3, m, mask)


class CPUTriangleAttention(AddsInPlace, CPUAttention):
    """AF2 Suppl. Alg. 13 and 14, a few rows at a time."""

    bias: Linear

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """The pairs with their update."""
        each_of_batch(self._one_onto, 3, x, *rest)
        return x

    def _one_onto(self, z: Tensor, mask: Tensor) -> None:
        z, mask, b = self.turned(z, mask)

        def add(rows: slice, o: Tensor) -> None:
            part = z[rows]
            linear_onto(part.view(-1, part.shape[-1]) if part.is_contiguous() else part, o, self.core.out)

        self.gather_rows(z, mask, b, add)

    def turned(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs and mask, the attended axis last, and the logits of all rows."""
        return z, mask, self.logits_of_pairs(z, self.norm, self.bias)

    def around_nodes(self, z: Tensor, mask: Tensor) -> Tensor:
        """The rows of z, in pieces."""
        if torch.is_grad_enabled():
            return super().around_nodes(z, mask)  # type: ignore[misc]
        return over_batch(self._one, 3, z, mask)

    def _one(self, z: Tensor, mask: Tensor) -> Tensor:
        return self.each_row(z, mask, self.logits_of_pairs(z, self.norm, self.bias))


class CPUTriangleAttentionStartingNode(CPUTriangleAttention, TriangleAttentionStartingNode):
    """AF2 Suppl. Alg. 13, in pieces."""


class CPUTriangleAttentionEndingNode(CPUTriangleAttention, TriangleAttentionEndingNode):
    """AF2 Suppl. Alg. 14, in pieces."""

    def turned(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Columns of pairs and of mask, and the logits of the columns."""
        return super().turned(z.transpose(0, 1), mask.t())


class CPUTriangleAttentionEndingNodeUnturned(CPUTriangleAttention, TriangleAttentionEndingNodeUnturned):
    """The form of AF3's released weights, in pieces: columns of z with the bias of its rows."""

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(z, mask)
        return over_batch(self._columns, 3, z, mask)

    def _columns(self, z: Tensor, mask: Tensor) -> Tensor:
        return self.each_row(*self.turned(z, mask)).transpose(0, 1)

    def turned(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Columns of pairs and of mask, and the logits of the rows."""
        return z.transpose(0, 1), mask.t(), self.logits_of_pairs(z, self.norm, self.bias)
