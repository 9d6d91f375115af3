"""Transitions and the outer product mean for inference on a CPU, a few positions at a time."""

from collections.abc import Callable
from itertools import product
from math import isqrt

import torch
from torch import Tensor

from foldwright.kernels.columns import are_few, linear_by_columns, ranges, some_columns
from foldwright.kernels.fast import (
    AddsInPlace,
    Fast,
    linear_into,
    linear_onto,
    normalised,
    over_batch,
    stacked_biases,
    stacked_weights,
)
from foldwright.kernels.spread import num_threads, spread
from foldwright.nn.adaptive_norm import ConditionedTransition
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import SwiGLUTransition, Transition


class CPUTransition(Fast, Transition):
    """AF2 Suppl. Alg. 9 and 15: the wide layer is never whole."""

    is_inference_only = True

    def positions(self, x: Tensor) -> Tensor:
        """All positions, in pieces."""
        if torch.is_grad_enabled():
            return super().positions(x)
        dtype = self.product_dtype or x.dtype
        weight, bias = self.expand.weight.to(dtype), self.expand.bias.to(dtype)
        rows = x.reshape(-1, x.shape[-1])
        out = torch.empty_like(rows)

        def widen(some: slice) -> None:
            y = torch.nn.functional.linear(normalised(rows[some], self.norm, dtype), weight, bias)
            linear_into(out[some], y.relu_(), self.contract)

        self.each_piece(len(rows), len(weight) * dtype.itemsize, widen)
        return out.view_as(x)


class CPUSwiGLUTransition(AddsInPlace, SwiGLUTransition):
    """AF3 SI Alg. 11: neither wide layer is ever whole."""

    is_inference_only = True

    def positions(self, x: Tensor) -> Tensor:
        """All positions, in pieces."""
        if torch.is_grad_enabled():
            return super().positions(x)
        rows = x.reshape(-1, x.shape[-1])
        out = torch.empty_like(rows)
        self._widen(rows, lambda some, wide: linear_into(out[some], wide, self.contract))
        return out.view(x.shape)

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """The positions with their update."""
        rows = x.view(-1, x.shape[-1])
        self._widen(rows, lambda some, wide: linear_onto(rows[some], wide, self.contract))
        return x

    def _widen(self, rows: Tensor, write: Callable[[slice, Tensor], None]) -> None:
        dtype = self.product_dtype or rows.dtype

        def widen(some: slice) -> None:
            write(some, widened(normalised(rows[some], self.norm, dtype), self))

        self.each_piece(len(rows), 2 * self.gate.out_features * dtype.itemsize, widen)


class CPUConditionedTransition(Fast, ConditionedTransition):
    """AF3 SI Alg. 25, likewise."""

    is_inference_only = True

    def positions(self, a: Tensor) -> Tensor:
        """All positions, in pieces."""
        if torch.is_grad_enabled():
            return super().positions(a)
        rows = a.reshape(-1, a.shape[-1])
        if are_few(len(rows)):
            return linear_by_columns(self._widened_by_columns(rows), self.contract).view(a.shape)
        out = torch.empty_like(rows)
        self.each_piece(
            len(rows),
            2 * self.gate.out_features * a.element_size(),
            lambda some: linear_into(out[some], widened(rows[some], self), self.contract),
        )
        return out.view(a.shape)

    def _widened_by_columns(self, rows: Tensor) -> Tensor:
        wide = rows.new_empty(len(rows), self.gate.out_features)

        def widen(some: slice) -> None:
            gate = torch.nn.functional.silu(some_columns(rows, self.gate, some), inplace=True)
            torch.mul(gate, some_columns(rows, self.expand, some), out=wide[:, some])

        spread(widen, ranges(wide.shape[1], self.gate, self.expand))
        return wide


def widened(y: Tensor, layer: SwiGLUTransition | ConditionedTransition) -> Tensor:
    """More channels of y [rows c], one half gating the other."""
    gate = torch.nn.functional.silu(y @ layer.gate.weight.to(y.dtype).t(), inplace=True)
    return gate.mul_(y @ layer.expand.weight.to(y.dtype).t())


class CPUOuterProductMean(Fast, OuterProductMean):
    """AF2 Suppl. Alg. 10: the outer products of a square of residue pairs at a time."""

    is_inference_only = True

    def forward(self, m: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(m, mask)
        return over_batch(self._one, 3, m, mask)

    def _one(self, m: Tensor, mask: Tensor) -> Tensor:
        n, c = m.shape[1], self.left.out_features
        a, b = self._masked_sides(m, mask)
        weight, bias = self.out.weight.to(a.dtype).t(), self.out.bias.to(a.dtype)
        rows = torch.mm(mask.t(), mask).add_(1e-3)[..., None]
        out = m.new_empty(n, n, len(bias))

        def project(square: tuple[slice, slice]) -> None:
            i, j = square
            outer = (a[:, i].flatten(1).t() @ b[:, j].flatten(1)).unflatten(0, (-1, c)).unflatten(2, (-1, c))
            pairs = torch.addmm(bias, outer.transpose(1, 2).reshape(-1, c * c), weight)
            torch.div(pairs.view(out[i, j].shape), rows[i, j], out=out[i, j])

        spread(project, self._squares(n, c * c * a.element_size()))
        return out

    def _squares(self, n: int, pair_bytes: int) -> list[tuple[slice, slice]]:
        """Squares that cover all pairs. The product writes much and reads little: a quarter of a piece stays cached."""
        side = max(1, isqrt(self.piece_bytes // 4 // num_threads() // pair_bytes))
        some = list(self.pieces(n, self.piece_bytes // side))
        return list(product(some, some))

    def _masked_sides(self, m: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Left and right projections [s n c]."""
        dtype = self.product_dtype or m.dtype
        weight = stacked_weights(self.left, self.right, dtype=dtype)
        bias = stacked_biases(self.left, self.right, dtype=dtype)
        a, b = (m.new_empty(*mask.shape, self.left.out_features, dtype=dtype) for _ in range(2))

        def project(some: slice) -> None:
            sides = torch.nn.functional.linear(normalised(m[some], self.norm, dtype), weight, bias)
            left, right = sides.unflatten(-1, (2, -1)).unbind(-2)
            torch.mul(left, mask[some, :, None].to(dtype), out=a[some])
            torch.mul(right, mask[some, :, None].to(dtype), out=b[some])

        self.each_piece(len(m), m[0].nbytes, project)
        return a, b
