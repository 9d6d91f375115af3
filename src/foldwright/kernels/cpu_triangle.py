"""Triangle multiplication for inference on a CPU: channels first, so that the product is a plain batched one."""

from collections.abc import Callable

import torch
from torch import Tensor

from foldwright.kernels.fast import (
    AddsInPlace,
    each_of_batch,
    linear_into,
    normalised,
    over_batch,
    plus_product,
    stacked_biases,
    stacked_weights,
)
from foldwright.nn.triangle import (
    TriangleMultiplication,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

Write = Callable[[slice, Tensor, Tensor], object]


class CPUTriangleMultiplication(AddsInPlace, TriangleMultiplication):
    """Both directions: the projections write [c n n] themselves, and the output reads it a few rows at a time."""

    is_inference_only = True

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(z, mask)
        return over_batch(self._one, 3, z, mask)

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """The pairs with their update."""
        each_of_batch(self._one_onto, 3, x, *rest)
        return x

    def _one(self, z: Tensor, mask: Tensor) -> Tensor:
        out = torch.empty_like(z, memory_format=torch.contiguous_format)
        rows = out.view(-1, z.shape[-1])
        self._update(z, mask, lambda some, edges, gate: torch.mul(edges, gate, out=rows[some]))
        return out

    def _one_onto(self, z: Tensor, mask: Tensor) -> None:
        rows = z.view(-1, z.shape[-1])
        self._update(z, mask, lambda some, edges, gate: rows[some].addcmul_(edges, gate))

    def _update(self, z: Tensor, mask: Tensor, write: Write) -> None:
        """Hands on ranges of positions, and the two factors of their update."""
        n = len(z)
        positions = z.reshape(n * n, -1)
        a, b = self._gated_edges(positions, mask.reshape(-1)).unflatten(-1, (n, n))
        x = torch.empty_like(a)
        self.each_piece(len(x), x[0].nbytes, lambda some: self.channels_first_product(a[some], b[some], x[some]))
        del a, b
        self._output(positions, x.flatten(1), write)

    def _gated_edges(self, z: Tensor, mask: Tensor) -> Tensor:
        """Left and right edges [2 c n·n], gated and masked."""
        dtype = self.product_dtype or z.dtype
        sides = (self.left_gate, self.right_gate, self.left, self.right)
        weight, bias = stacked_weights(*sides, dtype=dtype), stacked_biases(*sides, dtype=dtype)
        bias = None if bias is None else bias[:, None]
        half = len(weight) // 2
        edges = z.new_empty(half, len(z), dtype=dtype)
        mask = mask.to(dtype)

        def project(some: slice) -> None:
            p = plus_product(bias, weight, normalised(z[some], self.norm, dtype).t())
            gate = p[:half].sigmoid_().mul_(mask[some])
            torch.mul(p[half:], gate, out=edges[:, some])

        self.each_piece(len(z), len(weight) * dtype.itemsize, project)
        return edges.unflatten(0, (2, -1))

    def channels_first_product(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        """The sum over third corners of [c n n] edges, written to `out`."""
        raise NotImplementedError

    def _output(self, z: Tensor, x: Tensor, write: Write) -> None:
        """Normalises x [c n·n] over its channels and projects it; beside it the gate that z [n·n c_z] opens."""
        dtype = self.product_dtype or z.dtype
        # The scale of the normalisation goes into the weights, its offset into the bias.
        weight = (self.out.weight * self.center_norm.weight).to(dtype).t()
        bias = torch.mv(self.out.weight, self.center_norm.bias)
        bias = (bias if self.out.bias is None else bias + self.out.bias).to(dtype)

        def project(some: slice) -> None:
            gate = z.new_empty(z[some].shape)
            linear_into(gate, normalised(z[some], self.norm, dtype), self.gate)
            centre = _standardised(x[:, some].to(z.dtype), self.center_norm.eps).to(dtype)
            write(some, torch.addmm(bias, centre.t(), weight).to(z.dtype), gate.sigmoid_())

        self.each_piece(len(z), 4 * z.shape[1] * z.element_size(), project)


def _standardised(x: Tensor, eps: float) -> Tensor:
    """x [c positions] with mean 0 and variance 1 over the channels.

    The means are matrix products with a row of 1/c: reading across channels any other way is several times slower.
    """
    mean = x.new_full((1, len(x)), 1 / len(x))
    x = x - mean @ x
    return x.mul_(torch.rsqrt_((mean @ x.square()).add_(eps)))


class CPUTriangleMultiplicationOutgoing(CPUTriangleMultiplication, TriangleMultiplicationOutgoing):
    """AF2 Suppl. Alg. 11, channels first."""

    def channels_first_product(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        """The sum over k of a_ik b_jk."""
        torch.bmm(a, b.transpose(1, 2), out=out)


class CPUTriangleMultiplicationIncoming(CPUTriangleMultiplication, TriangleMultiplicationIncoming):
    """AF2 Suppl. Alg. 12, channels first."""

    def channels_first_product(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        """The sum over k of a_kj b_ki."""
        torch.bmm(b.transpose(1, 2), a, out=out)
