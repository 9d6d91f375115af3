"""Distances of every point from every other, with derivatives written out: they are most of what the losses compute."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def squared_distances(a: Float[Tensor, "*batch p 3"], b: Float[Tensor, "*batch q 3"]) -> Float[Tensor, "*batch p q"]:
    """|a_p - b_q|²"""
    return _SquaredDistances.apply(a, b)


def smooth_distances(
    a: Float[Tensor, "*batch p 3"], b: Float[Tensor, "*batch q 3"], eps: float
) -> Float[Tensor, "*batch p q"]:
    """The root of |a_p - b_q|² + eps, differentiable where points meet."""
    return squared_distances(a, b).add(eps).sqrt_()


def squared_lengths_of_products(
    a: Float[Tensor, "*batch f 3 k"], b: Float[Tensor, "*batch k p"]
) -> Float[Tensor, "*batch f p"]:
    """|a_f b_p|², for maps a to three dimensions and vectors b; the products are not kept for the gradient."""
    return _SquaredLengthsOfProducts.apply(a, b)


class _SquaredDistances(torch.autograd.Function):
    """Axis by axis: a last axis of three, as the differences would have, is the slowest to add up."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        x, y, z = (a[..., :, None, i] - b[..., None, :, i] for i in range(3))
        return x.mul_(x).addcmul_(y, y).addcmul_(z, z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        twice = 2 * gradients[0]
        d_a, d_b = torch.empty_like(a), torch.empty_like(b)
        for i in range(3):
            along = (a[..., :, None, i] - b[..., None, :, i]).mul_(twice)
            d_a[..., i], d_b[..., i] = along.sum(-1), -along.sum(-2)
        return d_a, d_b


class _SquaredLengthsOfProducts(torch.autograd.Function):
    """The products are made again for the gradient, which costs less than to keep three numbers for each length."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        x, y, z = (a.flatten(-3, -2) @ b).unflatten(-2, (-1, 3)).unbind(-2)
        return (x * x).addcmul_(y, y).addcmul_(z, z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        a, b = ctx.saved_tensors
        rows = a.flatten(-3, -2)
        d_products = (rows @ b).unflatten(-2, (-1, 3)).mul_(2 * gradients[0][..., None, :]).flatten(-3, -2)
        return (d_products @ b.transpose(-1, -2)).view_as(a), rows.transpose(-1, -2) @ d_products
