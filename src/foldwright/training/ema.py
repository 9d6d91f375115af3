"""The average of recent parameters, which is what a run is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from foldwright.training.parallel import local


class ExponentialMovingAverage:
    """Parameters averaged over steps with exponentially falling weight (AF2 Suppl. 1.11.7).

    Of a network that is divided among processes each averages its own part.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.state: dict[str, Tensor] = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the parameters as they are now."""
        averages = [local(tensor) for tensor in self.state.values()]
        parameters = [local(p.detach()) for p in model.parameters()]
        torch._foreach_lerp_(averages, parameters, 1 - self.decay)  # pyright: ignore[reportPrivateImportUsage]

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with the averages as its parameters; afterwards it has its own again."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            own, average = local(parameter.detach()), local(self.state[name])
            kept = own.clone()
            own.copy_(average)
            average.copy_(kept)
