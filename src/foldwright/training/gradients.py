"""From the gradients of single examples to the one that the optimiser follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.training.parallel import Processes, whole
from foldwright.training.recipe import Optimiser

ALIGNMENT = 16  # numbers; every gradient begins where vector instructions like it


@runtime_checkable
class Gradients(Protocol):
    """What happens between the backward passes of a step and its update."""

    loss_scale: float  # by which a loss is multiplied before its backward pass

    def begin(self) -> None:
        """A step begins."""

    def add(self) -> Float[Tensor, ""]:
        """The backward pass of one group of examples is done; the norm of its gradient, where this process knows it."""
        ...

    def finish(self) -> Float[Tensor, ""]:
        """Leave the mean over all groups of all processes in `grad`; its norm before the step is clipped as a whole."""
        ...


class ReplicatedGradients:
    """Every process holds the whole network; clipped gradients are summed over groups and then over processes.

    AF2 Suppl. 1.11.3 clips the gradient of each example. The wrapper of torch for replicas averages within the
    backward pass, when it is too late to clip what one process found; hence this sum of our own, one for a step.
    All gradients are views into one tensor, so that norm, sum and exchange are single operations.
    """

    loss_scale = 1.0

    def __init__(self, model: nn.Module, optimiser: Optimiser, num_groups: int, processes: Processes):
        self.limit, self.is_clipped_each = optimiser.max_gradient_norm, optimiser.is_clipped_per_example
        self.num_groups, self.processes = num_groups, processes
        self.current = _flat_gradients([p for p in model.parameters() if p.requires_grad])
        self.total = torch.zeros_like(self.current)

    def begin(self) -> None:
        self.current.zero_()
        self.total.zero_()

    def add(self) -> Float[Tensor, ""]:
        norm = clip(self.current, self.limit) if self.is_clipped_each else self._norm()
        self.total += self.current
        self.current.zero_()
        return norm

    def finish(self) -> Float[Tensor, ""]:
        self.processes.sum(self.total)
        torch.div(self.total, self.num_groups, out=self.current)
        return self._norm() if self.is_clipped_each else clip(self.current, self.limit)

    def _norm(self) -> Tensor:
        return torch.linalg.vector_norm(self.current)


class DividedGradients:
    """The network is divided among processes (FSDP2), which average its gradients in every backward pass."""

    def __init__(self, model: nn.Module, optimiser: Optimiser, num_own_groups: int):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.limit, self.loss_scale = optimiser.max_gradient_norm, 1 / num_own_groups

    def begin(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def add(self) -> Float[Tensor, ""]:
        for parameter in self.parameters:  # one that no loss reached rests at zero, as among replicas
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return torch.zeros(())

    def finish(self) -> Float[Tensor, ""]:
        return whole(torch.nn.utils.clip_grad_norm_(self.parameters, self.limit))


def clip(gradient: Float[Tensor, " p"], limit: float) -> Float[Tensor, ""]:
    """Shorten a gradient, in place, to a norm of at most `limit`; the norm it had."""
    norm = torch.linalg.vector_norm(gradient)
    gradient *= limit / norm.clamp(min=limit)
    return norm


def _flat_gradients(parameters: Sequence[nn.Parameter]) -> Float[Tensor, " p"]:
    """One tensor of zeros into which the gradients of all parameters are views."""
    sizes = [-(-p.numel() // ALIGNMENT) * ALIGNMENT for p in parameters]
    flat = torch.zeros(sum(sizes), device=parameters[0].device)
    for parameter, part in zip(parameters, flat.split(sizes), strict=True):
        parameter.grad = part[: parameter.numel()].view_as(parameter)
    return flat
