"""Dropout that forgets whole rows or columns of a matrix of channels."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class SharedDropout(nn.Module):
    """Dropout whose mask is drawn once and shared along one axis (AF2 Suppl. 1.11.6); nothing in inference."""

    shared_axis: int

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
        if not self.training or self.rate == 0:
            return x
        shape = list(x.shape)
        shape[self.shared_axis] = 1
        return x * torch.nn.functional.dropout(x.new_ones(shape), self.rate)

    def extra_repr(self) -> str:
        """The rate, as `print(model)` shows it."""
        return f"rate={self.rate}"


class RowDropout(SharedDropout):
    """The mask is the same in all rows: "DropoutRowwise" of AF2 Suppl. 1.11.6."""

    shared_axis = -3


class ColumnDropout(SharedDropout):
    """The mask is the same in all columns: "DropoutColumnwise" of AF2 Suppl. 1.11.6."""

    shared_axis = -2
