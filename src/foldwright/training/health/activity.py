"""How much every layer adds to the stream that runs past it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foldwright.models.af2.evoformer import ResidualBlock
from foldwright.models.af2.structure_module import StructureModule
from foldwright.training.health.findings import Finding, Kind, Limits


@dataclass(frozen=True)
class Sizes:
    """Root mean squares of what a layer read and of what it adds to it; tensors until somebody asks."""

    stream: Tensor
    update: Tensor

    @property
    def ratio(self) -> float:
        """The update as a share of the stream."""
        return float(self.update / self.stream.clamp(min=1e-30))


def residual_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Every layer with parameters whose output is added to what it reads, or to the pairs."""
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        if isinstance(module, ResidualBlock):
            children = [(f"{name}.{key}", child) for key, child in module.named_children()]
        elif isinstance(module, StructureModule):
            children = [(f"{name}.ipa", module.ipa), (f"{name}.transition", module.transition)]
        else:
            continue
        found |= {key: child for key, child in children if not isinstance(child, ResidualBlock) and _learns(child)}
    return found


def _learns(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters())


class Activity:
    """Measures the layers of one step: between `begin` and `end` each forward pass replaces the one before."""

    def __init__(self, model: nn.Module, limits: Limits):
        self.layers, self.limits = residual_layers(model), limits
        self.sizes: dict[str, Sizes] = {}
        self._hooks: list[RemovableHandle] = []

    def begin(self) -> None:
        """Listen to the layers."""
        self.end()
        self.sizes = {}
        for name, layer in self.layers.items():
            self._hooks.append(layer.register_forward_hook(self._measure(name)))

    def end(self) -> None:
        """Listen no longer."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def findings(self, num_watched: int) -> Iterator[Finding]:
        """Layers that add nothing although they had the time to learn, and those that add far too much."""
        limits = self.limits
        for name, sizes in self.sizes.items():
            stream, ratio = float(sizes.stream), sizes.ratio
            if ratio < limits.dead and num_watched >= limits.dead_after:
                yield Finding(name, Kind.DEAD, f"Its output is {ratio:.0e} of the stream that it is added to.")
            if ratio > limits.exploding or max(stream, float(sizes.update)) > limits.huge:
                text = f"It reads values of size {stream:.1e} and adds values of size {float(sizes.update):.1e}."
                yield Finding(name, Kind.EXPLODING, text)

    def _measure(self, name: str):
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor) and output.numel():
                self.sizes[name] = Sizes(_size(inputs[0]), _size(output))

        return hook


def _size(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x.detach().float()) / x.numel() ** 0.5
