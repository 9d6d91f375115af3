"""Triangle multiplication for training on a CPU: projections joined, channels first, gated edges made again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foldwright.kernels.cpu_triangle import (
    CPUTriangleMultiplication,
    CPUTriangleMultiplicationIncoming,
    CPUTriangleMultiplicationOutgoing,
)
from foldwright.kernels.fast import stacked_biases, stacked_weights, writes_gradients


class TrainedTriangleMultiplication(CPUTriangleMultiplication):
    """Both directions; without gradients they are the layers for inference."""

    is_inference_only = False
    has_own_gradient = True
    is_outgoing: bool

    def edges(self, z: Tensor, mask: Tensor) -> Tensor:
        """Gated edges of both kinds of normalised z, multiplied over the third corner."""
        if not writes_gradients(z):
            return super().edges(z, mask)
        sides = (self.left_gate, self.right_gate, self.left, self.right)
        weight, bias = stacked_weights(*sides, dtype=z.dtype), stacked_biases(*sides, dtype=z.dtype)
        n, batch = z.shape[-2], z.shape[:-3]
        positions, mask = z.reshape(-1, n * n, z.shape[-1]), mask.reshape(-1, 1, n * n)
        x = _GatedTriangles.apply(positions, weight, bias, mask, self.is_outgoing)
        return x.view(*batch, -1, n, n).movedim(-3, -1)


class _GatedTriangles(torch.autograd.Function):
    """[b c n n] from z [b n·n c_z]; the masked gates and the projections are kept for the gradient."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor, is_outgoing: bool) -> Tensor:
        weights, positions = weight.expand(len(z), -1, -1), z.transpose(1, 2)
        p = torch.bmm(weights, positions) if bias is None else torch.baddbmm(bias[:, None], weights, positions)
        gate, edges = p.chunk(2, dim=1)
        gate.sigmoid_()
        if not mask.all():
            gate.mul_(mask)
        ctx.save_for_backward(z, weight, p)
        ctx.is_outgoing, ctx.has_bias = is_outgoing, bias is not None
        a, b = _sides(gate * edges)
        return a @ b.transpose(-1, -2) if is_outgoing else b.transpose(-1, -2) @ a

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        z, weight, p = ctx.saved_tensors
        gate, edges = p.chunk(2, dim=1)
        a, b = _sides(gate * edges)
        d_x = gradients[0].contiguous()
        if ctx.is_outgoing:
            d_a, d_b = d_x @ b, d_x.transpose(-1, -2) @ a
        else:
            d_a, d_b = b @ d_x, a @ d_x.transpose(-1, -2)
        d_gated = torch.cat([d_a, d_b], dim=1).flatten(2)
        # `gate` is masked by zeros and ones: where it is zero so is the sigmoid's derivative, computed from it.
        d_p = torch.cat([torch.ops.aten.sigmoid_backward(d_gated * edges, gate), d_gated * gate], dim=1)
        d_weight = (d_p @ z).sum(0)
        d_bias = d_p.sum((0, 2)) if ctx.has_bias else None
        return d_p.transpose(1, 2) @ weight, d_weight, d_bias, None, None


def _sides(gated: Tensor) -> tuple[Tensor, ...]:
    """Left and right edges [b c n n]."""
    n = round(gated.shape[-1] ** 0.5)
    return gated.unflatten(-1, (n, n)).chunk(2, dim=1)


class TrainedTriangleMultiplicationOutgoing(TrainedTriangleMultiplication, CPUTriangleMultiplicationOutgoing):
    """AF2 Suppl. Alg. 11 with its gradient."""

    is_outgoing = True


class TrainedTriangleMultiplicationIncoming(TrainedTriangleMultiplication, CPUTriangleMultiplicationIncoming):
    """AF2 Suppl. Alg. 12 with its gradient."""

    is_outgoing = False
