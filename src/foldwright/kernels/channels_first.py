"""Triangle multiplication with channels first: any device, any type, with gradients."""

import torch
from torch import Tensor

from foldwright.kernels.fast import Fast
from foldwright.nn.linear import Linear
from foldwright.nn.triangle import (
    TriangleMultiplication,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)


class ChannelsFirstTriangleMultiplication(Fast, TriangleMultiplication):
    """The projections write [c n n] themselves, so that the product is a plain batched one."""

    def edges(self, z: Tensor, mask: Tensor) -> Tensor:
        """Gated edges of both kinds, multiplied over the third corner."""
        n = z.shape[-2]
        positions, mask = z.flatten(-3, -2).transpose(-1, -2), mask.flatten(-2)[..., None, :]
        a = mask * torch.sigmoid(_channels_first(self.left_gate, positions)) * _channels_first(self.left, positions)
        b = mask * torch.sigmoid(_channels_first(self.right_gate, positions)) * _channels_first(self.right, positions)
        return self.channels_first_product(a.unflatten(-1, (n, n)), b.unflatten(-1, (n, n))).movedim(-3, -1)

    def channels_first_product(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum over third corners of [*batch c n n] edges."""
        raise NotImplementedError


class ChannelsFirstTriangleMultiplicationOutgoing(ChannelsFirstTriangleMultiplication, TriangleMultiplicationOutgoing):
    """AF2 Suppl. Alg. 11, channels first."""

    def channels_first_product(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum over k of a_ik b_jk."""
        return a @ b.transpose(-1, -2)


class ChannelsFirstTriangleMultiplicationIncoming(ChannelsFirstTriangleMultiplication, TriangleMultiplicationIncoming):
    """AF2 Suppl. Alg. 12, channels first."""

    def channels_first_product(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum over k of a_kj b_ki."""
        return b.transpose(-1, -2) @ a


def _channels_first(linear: Linear, positions: Tensor) -> Tensor:
    product = linear.weight @ positions
    return product if linear.bias is None else product + linear.bias[:, None]
