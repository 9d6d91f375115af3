"""Products of few rows: output channels are shared out among threads, for so few rows are too small to be."""

from math import ceil

import torch
from torch import Tensor, nn

from foldwright.kernels.spread import is_worth_spreading, num_threads, spread

RANGES_PER_THREAD = 2  # one that is late then holds up less
FEW = 256  # rows for each thread; more are shared out themselves


def are_few(rows: int) -> bool:
    """Whether so many rows are better not divided."""
    return rows < FEW * num_threads()


def ranges(total: int, *linears: nn.Linear) -> list[slice]:
    """Ranges that cover the `total` columns or heads of maps, some for every thread; all in one if they are small."""
    count = RANGES_PER_THREAD * num_threads() if are_worth_spreading(*linears) else 1
    step = ceil(total / count)
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def are_worth_spreading(*linears: nn.Linear) -> bool:
    """Whether every thread would have enough of the weights of these maps."""
    return num_threads() > 1 and is_worth_spreading(sum(linear.weight.nbytes for linear in linears))


def some_columns(x: Tensor, linear: nn.Linear, some: slice) -> Tensor:
    """A range of the output channels of a map, in the type of x."""
    bias = None if linear.bias is None else linear.bias[some].to(x.dtype)
    return torch.nn.functional.linear(x, linear.weight[some].to(x.dtype), bias)


def linear_by_columns(x: Tensor, linear: nn.Linear) -> Tensor:
    """The map of x [*batch in], in the type of x."""
    out = x.new_empty(*x.shape[:-1], linear.out_features)

    def project(some: slice) -> None:
        out[..., some] = some_columns(x, linear, some)

    spread(project, ranges(linear.out_features, linear))
    return out
