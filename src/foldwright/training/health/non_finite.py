"""Which module made the first number that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foldwright.training.parallel import local


def explain(model: nn.Module, run: Callable[[], Any]) -> str:
    """Where in `run`, a forward and perhaps a backward pass, a NaN or an infinity first appears."""
    bad = [name for name, p in model.named_parameters() if not is_finite(p)]
    if bad:
        return f"parameter {bad[0]} is not finite{_and_more(bad)}, before anything is computed."
    trace = Trace()
    with trace.on(model):
        result = run()
    if trace.first:
        return trace.first
    bad = [name for name, tensor in tensors_of(result, "") if not is_finite(tensor)]
    if bad:
        return f"all modules gave finite outputs; {bad[0] or 'the loss'}, computed from them, is not finite."
    return "nothing: every output and gradient of this run is finite."


@dataclass
class Trace:
    """Looks at every tensor that enters or leaves a module, and at its gradient, until one is not finite."""

    first: str = ""
    calls: dict[str, int] = field(default_factory=dict)

    def on(self, model: nn.Module) -> ExitStack:
        """Listen to all modules and parameters until the stack is closed."""
        stack = ExitStack()
        for name, module in model.named_modules():
            handles = [module.register_forward_pre_hook(self._enter(name), with_kwargs=True)]
            handles.append(module.register_forward_hook(self._leave(name)))
            for handle in handles:
                stack.callback(handle.remove)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                text = f"the gradient of parameter {name} is the first that is not finite; what follows it was finite."
                stack.callback(parameter.register_hook(self._gradient(text)).remove)
        return stack

    def _enter(self, name: str):
        def hook(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]):
            self.calls[name] = self.calls.get(name, 0) + 1
            call = self.calls[name]
            if not self.first:
                for _name, tensor in tensors_of([inputs, named], ""):
                    if not is_finite(tensor):
                        self.first = f"{self._place(name, call)} is given values that are not finite."
            text = f"the gradient stops being finite in the backward pass of {self._place(name, call)}."
            watched = tuple(self._watched(x, text) for x in inputs)
            return watched, {key: self._watched(x, text) for key, x in named.items()}

        return hook

    def _leave(self, name: str):
        def hook(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            place = self._place(name, self.calls.get(name, 1))
            text = f"the gradient is not finite where it arrives at the output of {place}: made by what follows it."
            for part, tensor in tensors_of(output, ""):
                if not self.first and not is_finite(tensor):
                    self.first = f"{place} is the first module whose output{part and f' {part}'} is not finite."
                if tensor.requires_grad and torch.is_grad_enabled():
                    tensor.register_hook(self._gradient(text))

        return hook

    def _watched(self, value: Any, text: str) -> Any:
        """A view whose gradient is what this module alone sends back."""
        if not isinstance(value, Tensor) or not value.requires_grad or not torch.is_grad_enabled():
            return value
        view = value.view_as(value)
        view.register_hook(self._gradient(text))
        return view

    def _gradient(self, text: str):
        def hook(gradient: Tensor) -> None:
            if not self.first and not is_finite(gradient):
                self.first = text

        return hook

    def _place(self, name: str, call: int) -> str:
        name = name or "the network"
        return name if call == 1 else f"{name} (call {call})"


def is_finite(tensor: Tensor) -> bool:
    """Whether the part of it that is here holds numbers only."""
    return not tensor.is_floating_point() or bool(local(tensor.detach()).isfinite().all())


def tensors_of(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested records, with its path."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from tensors_of(part, f"{name}.{key}".strip("."))
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from tensors_of(getattr(value, item.name), f"{name}.{item.name}".strip("."))
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            yield from tensors_of(part, f"{name}.{i}".strip("."))


def _and_more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
