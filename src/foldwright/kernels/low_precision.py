"""Matrix products in a shorter type, everything between them in the type it had."""

import torch
from torch import Tensor

from foldwright.kernels.fast import Fast
from foldwright.nn.linear import Linear


class LowPrecisionLinear(Fast, Linear):
    """A linear map whose operands are shortened and whose result is not; any device, with gradients."""

    def forward(self, input: Tensor) -> Tensor:
        dtype = self.product_dtype or input.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        return torch.nn.functional.linear(input.to(dtype), self.weight.to(dtype), bias).to(input.dtype)
