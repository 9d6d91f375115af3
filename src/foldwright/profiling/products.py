"""The matrix products of every layer, from its sizes: what an operation must cost, however it is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from foldwright.models.af2.structure_module import InvariantPointAttention
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import TriangleAttention, TriangleMultiplication


@dataclass(frozen=True)
class Product:
    """A batch of products of [rows inner] with [inner columns] matrices."""

    batch: int
    rows: int
    inner: int
    columns: int
    num_gradients: int = 2  # operands that are given a gradient, each by one more product

    @property
    def flops(self) -> int:
        """Of the forward pass, a multiply-add counting as two."""
        return 2 * self.batch * self.rows * self.inner * self.columns

    @property
    def backward_flops(self) -> int:
        """Of the backward pass; what is computed again there is not counted."""
        return self.num_gradients * self.flops

    @property
    def numbers(self) -> int:
        """Read and written where nothing stays in a cache: both operands and the result."""
        return self.batch * (self.rows * self.inner + self.inner * self.columns + self.rows * self.columns)


Formula = Callable[[Any, Sequence[Any]], Iterator[Product]]  # layer and inputs of its forward -> products


def products_of(layer: nn.Module, inputs: Sequence[Any]) -> list[Product]:
    """All products of one call of a layer that has a formula.

    Raises:
        KeyError: it has none.
    """
    return list(FORMULAS[_known(type(layer))](layer, inputs))


def has_formula(layer: nn.Module) -> bool:
    """Whether the products of this layer are known as a whole."""
    return any(kind in FORMULAS for kind in type(layer).__mro__)


def _known(kind: type) -> type:
    return next(base for base in kind.__mro__ if base in FORMULAS)


def mapped(linear: nn.Linear, positions: int, num_gradients: int = 2) -> Product:
    """A linear map of so many positions."""
    return Product(1, positions, linear.in_features, linear.out_features, num_gradients)


def attention(core: GatedAttention, batch: int, queries: int, keys: int) -> Iterator[Product]:
    """AF2 Suppl. Alg. 7 lines 2 and 4-7, for a batch of rows; the bias is not in it."""
    channels = core.query.out_features // core.heads
    yield mapped(core.query, batch * queries)
    yield mapped(core.key, batch * keys)
    yield mapped(core.value, batch * keys)
    if core.gate is not None:
        yield mapped(core.gate, batch * queries)
    yield Product(batch * core.heads, queries, channels, keys)
    yield Product(batch * core.heads, queries, keys, channels)
    yield mapped(core.out, batch * queries)


def _linear(layer: Linear, inputs: Sequence[Any]) -> Iterator[Product]:
    x = inputs[0]
    yield mapped(layer, x.numel() // layer.in_features, 1 + x.requires_grad)


def _core(layer: GatedAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    x_q, x_kv = inputs[:2]
    yield from attention(layer, math.prod(x_q.shape[:-2]), x_q.shape[-2], x_kv.shape[-2])


def _row_attention(layer: MSARowAttentionWithPairBias, inputs: Sequence[Any]) -> Iterator[Product]:
    *batch, s, n, _ = inputs[0].shape
    yield mapped(layer.bias, math.prod(batch) * n * n)
    yield from attention(layer.core, math.prod(batch) * s, n, n)


def _column_attention(layer: MSAColumnAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    *batch, s, n, _ = inputs[0].shape
    yield from attention(layer.core, math.prod(batch) * n, s, s)


def _global_column_attention(layer: MSAColumnGlobalAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    *batch, s, n, _ = inputs[0].shape
    columns, channels = math.prod(batch) * n, layer.key.out_features
    yield mapped(layer.query, columns)  # one mean query for a column
    yield from (mapped(linear, columns * s) for linear in (layer.key, layer.value, layer.gate, layer.out))
    yield Product(columns, layer.heads, channels, s)
    yield Product(columns, layer.heads, s, channels)


def _outer_product_mean(layer: OuterProductMean, inputs: Sequence[Any]) -> Iterator[Product]:
    *axes, s, n, _ = inputs[0].shape
    batch, c = math.prod(axes), layer.left.out_features
    yield from (mapped(linear, batch * s * n) for linear in (layer.left, layer.right))
    yield Product(batch, n, s, n, num_gradients=0)  # rows that both residues have: masks
    yield Product(batch, n * c, s, n * c)
    yield mapped(layer.out, batch * n * n)


def _triangle_multiplication(layer: TriangleMultiplication, inputs: Sequence[Any]) -> Iterator[Product]:
    *axes, n, _, _ = inputs[0].shape
    batch, c = math.prod(axes), layer.left.out_features
    for linear in (layer.left, layer.right, layer.left_gate, layer.right_gate, layer.gate, layer.out):
        yield mapped(linear, batch * n * n)
    yield Product(batch * c, n, n, n)


def _triangle_attention(layer: TriangleAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    *axes, n, _, _ = inputs[0].shape
    batch = math.prod(axes)
    yield mapped(layer.bias, batch * n * n)
    yield from attention(layer.core, batch * n, n, n)


def _transition(layer: Transition, inputs: Sequence[Any]) -> Iterator[Product]:
    positions = math.prod(inputs[0].shape[:-1])
    yield mapped(layer.expand, positions)
    yield mapped(layer.contract, positions)


def _templates(layer: TemplatePointwiseAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    *pairs, num_templates, _ = inputs[1].shape
    yield from attention(layer.core, math.prod(pairs), 1, num_templates)


def _invariant_point_attention(layer: InvariantPointAttention, inputs: Sequence[Any]) -> Iterator[Product]:
    *axes, _, n, c_z = inputs[1].shape
    batch, h = math.prod(axes), layer.heads
    singles = (layer.query, layer.key, layer.value, layer.query_points, layer.key_points, layer.value_points, layer.out)
    yield from (mapped(linear, batch * n) for linear in singles)
    yield mapped(layer.pair_bias, batch * n * n)
    yield Product(batch * h, n, layer.query.out_features // h, n)
    yield Product(batch * h, n, n, layer.value.out_features // h)
    yield Product(batch * h, n, n, layer.value_points.out_features // h)
    yield Product(batch * n, h, n, c_z)  # what is gathered from the pairs


FORMULAS: dict[type[nn.Module], Formula] = {
    Linear: _linear,
    GatedAttention: _core,
    MSARowAttentionWithPairBias: _row_attention,
    MSAColumnAttention: _column_attention,
    MSAColumnGlobalAttention: _global_column_attention,
    OuterProductMean: _outer_product_mean,
    TriangleMultiplication: _triangle_multiplication,
    TriangleAttention: _triangle_attention,
    Transition: _transition,
    TemplatePointwiseAttention: _templates,
    InvariantPointAttention: _invariant_point_attention,
}
