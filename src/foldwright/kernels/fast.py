"""What every fast layer knows besides its equation: the size of a piece and the type of its matrix products."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from foldwright.kernels.spread import is_worth_spreading, num_threads, spread

MEBIBYTE = 1 << 20


class Fast:
    """Mixed into a layer of `nn`; it shares the layer's parameters and overrides its seams.

    Classes marked `is_inference_only` write into buffers and run the textbook while gradients are recorded.
    """

    is_inference_only: bool = False
    has_own_gradient: bool = False  # a derivative written by hand, which `checking` then holds against autograd's
    piece_bytes: int = 4 * MEBIBYTE  # an intermediate of this size stays in the cache; `plan` sets it
    product_dtype: torch.dtype | None = None  # None: that of the input

    def pieces(self, total: int, bytes_each: int) -> Iterator[slice]:
        """Ranges that cover `total` items, as many at a time as the piece holds."""
        step = max(1, min(total, self.piece_bytes // bytes_each))
        return (slice(start, start + step) for start in range(0, total, step))

    def each_piece(self, total: int, bytes_each: int, work: Callable[[slice], None]) -> None:
        """`work` on ranges that cover `total` items; those under way at once are together as large as the piece."""
        threads = num_threads() if is_worth_spreading(total * bytes_each) else 1
        step = ceil(total / (threads * ceil(total * bytes_each / self.piece_bytes)))
        spread(work, [slice(start, min(start + step, total)) for start in range(0, total, step)], threads)


def become(layer: Any, kind: type) -> None:
    """Change a layer's class and nothing else about it."""
    layer.__class__ = kind


def joined(function: Callable[[slice], Tensor], slices: Iterator[slice], dim: int, size: int) -> Tensor:
    """The results of all pieces along an axis of `size`, held twice only where a gradient needs them."""
    if torch.is_grad_enabled():
        return torch.cat([function(some) for some in slices], dim)
    first = next(slices)
    part = function(first)
    shape = list(part.shape)
    shape[dim] = size
    out = part.new_empty(shape)
    for some in (first, *slices):
        out.narrow(dim, some.start, min(some.stop, size) - some.start).copy_(part if some is first else function(some))
    return out


def normalised(x: Tensor, norm: nn.LayerNorm, dtype: torch.dtype) -> Tensor:
    """Layer normalisation in the type of x, handed on in the type of the products."""
    return torch.nn.functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps).to(dtype)


def linear_into(out: Tensor, x: Tensor, linear: nn.Linear) -> None:
    """The map of x [rows in], written to `out` [rows out], which may have another type."""
    weight, bias = linear.weight.to(x.dtype), None if linear.bias is None else linear.bias.to(x.dtype)
    if out.dtype == x.dtype and out.is_contiguous():
        plus_product(bias, x, weight.t(), out=out)
    else:
        out.copy_(plus_product(bias, x, weight.t()))


def linear_onto(out: Tensor, x: Tensor, linear: nn.Linear) -> None:
    """The same map, added to what stands in `out`."""
    if linear.bias is None and out.dtype == x.dtype and out.is_contiguous():
        out.addmm_(x, linear.weight.to(x.dtype).t())
    else:
        bias = None if linear.bias is None else linear.bias.to(x.dtype)
        out.add_(plus_product(bias, x, linear.weight.to(x.dtype).t()).view(out.shape))


def plus_product(bias: Tensor | None, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """bias + a b for matrices, or a b alone."""
    return torch.mm(a, b, out=out) if bias is None else torch.addmm(bias, a, b, out=out)


def stacked_weights(*linears: nn.Linear, dtype: torch.dtype) -> Tensor:
    """One weight for several maps of the same input; made at each call, so that it follows every update."""
    return torch.cat([linear.weight for linear in linears]).to(dtype)


def stacked_biases(*linears: nn.Linear, dtype: torch.dtype) -> Tensor | None:
    """The biases that belong to `stacked_weights`; None where the maps have none."""
    biases: list[Tensor] = [linear.bias for linear in linears if linear.bias is not None]
    return torch.cat(biases).to(dtype) if biases else None


def writes_gradients(x: Tensor) -> bool:
    """Whether a kernel with a derivative of its own may run: gradients are recorded, and in one type throughout."""
    return torch.is_grad_enabled() and not torch.is_autocast_enabled(x.device.type)


class AddsInPlace(Fast):
    """A layer that can add its update to the stream it reads, piece by piece, so that the update is never whole."""

    def add_to(self, x: Tensor, *rest: Tensor) -> Tensor:
        """x, changed; without gradients alone."""
        raise NotImplementedError


def each_of_batch(function: Callable[..., None], dims: int, *tensors: Tensor) -> None:
    """`function` on each item of the leading axes that `tensors[0]` has beyond `dims`, for what it changes."""
    if tensors[0].dim() == dims:
        return function(*tensors)
    for items in zip(*tensors, strict=True):
        each_of_batch(function, dims, *items)


def over_batch(function: Callable[..., Tensor], dims: int, *tensors: Tensor) -> Tensor:
    """`function` on each item of the leading axes that `tensors[0]` has beyond `dims`."""
    if tensors[0].dim() == dims:
        return function(*tensors)
    return torch.stack([over_batch(function, dims, *items) for items in zip(*tensors, strict=True)])
