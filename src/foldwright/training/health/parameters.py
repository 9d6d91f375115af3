"""Whether every parameter is where the optimiser looks, receives a gradient, and moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from foldwright.training.health.findings import Finding, Kind, Limits
from foldwright.training.parallel import local

Named = Mapping[str, nn.Parameter]


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are to learn and of which this process holds a part."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad and local(p.detach()).numel()}


def misplaced(model: nn.Module, optimiser: Optimizer) -> Iterator[Finding]:
    """Parameters the optimiser does not hold, and tensors it holds instead."""
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in trained(model).items():
        if id(parameter) not in held:
            yield Finding(name, Kind.NOT_OPTIMISED, "Make the optimiser after the network has its last form.")
    strangers = held - {id(p) for p in model.parameters()}
    if strangers:
        text = "The network was rebuilt or moved after the optimiser was made."
        yield Finding(f"{len(strangers)} tensors", Kind.FOREIGN, text)


def non_contiguous(parameters: Named, optimiser: Optimizer) -> Iterator[Finding]:
    """Parameters, gradients and state with gaps or in another order; one GPU backend did not write to such tensors."""
    for name, parameter in parameters.items():
        tensors = {name: parameter.detach(), f"{name} (gradient)": parameter.grad}
        tensors |= {f"{name} ({key})": value for key, value in moments(optimiser, parameter).items()}
        for what, tensor in tensors.items():
            if tensor is not None and not local(tensor).is_contiguous():
                text = "Some backends silently write nothing to such tensors; call .contiguous() where it is made."
                yield Finding(what, Kind.NON_CONTIGUOUS, text)


def non_finite(tensors: Mapping[str, Tensor | None], text: str) -> Iterator[Finding]:
    """Those that hold a NaN or an infinity."""
    found = {name: local(tensor.detach()) for name, tensor in tensors.items() if tensor is not None}
    found = {name: tensor for name, tensor in found.items() if tensor.numel()}
    if not found:
        return
    is_bad = torch.stack([~tensor.isfinite().all() for tensor in found.values()]).tolist()
    for name, bad in zip(found, is_bad, strict=True):
        if bad:
            yield Finding(name, Kind.NON_FINITE, text)


def largest(tensors: Iterable[Tensor | None]) -> list[float]:
    """The largest absolute value of each; 0 for one that is not there."""
    sizes = [torch.zeros(()) if x is None else local(x.detach()).abs().amax() for x in tensors]
    device = next((size.device for size in sizes if size.device.type != "cpu"), torch.device("cpu"))
    return torch.stack([size.to(device, torch.float64) for size in sizes]).tolist() if sizes else []


def moments(optimiser: Optimizer, parameter: nn.Parameter) -> dict[str, Tensor]:
    """The optimiser's memory of a parameter, as far as it has the parameter's shape."""
    state = optimiser.state.get(parameter, {})
    return {k: v for k, v in state.items() if isinstance(v, Tensor) and v.shape == parameter.shape}


@dataclass(frozen=True)
class Before:
    """A parameter between its gradient and its update."""

    parameter: Tensor
    moments: dict[str, Tensor]
    largest_gradient: float


def before_update(parameters: Named, optimiser: Optimizer) -> dict[str, Before]:
    """Copies of everything an update must change."""
    sizes = largest(p.grad for p in parameters.values())
    return {
        name: Before(
            local(p.detach()).clone(), {k: local(v).clone() for k, v in moments(optimiser, p).items()}, sizes[i]
        )
        for i, (name, p) in enumerate(parameters.items())
    }


@torch.no_grad()
def unmoved(parameters: Named, optimiser: Optimizer, before: Mapping[str, Before], limits: Limits) -> Iterator[Finding]:
    """Parameters and optimiser state that a gradient should have changed and did not."""
    groups = {id(p): group for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in parameters.items():
        then = before[name]
        if not then.largest_gradient > limits.tiny_gradient or id(parameter) not in groups:
            continue
        for key, now in moments(optimiser, parameter).items():
            yield from _standing_still(f"{name} ({key})", local(now), then.moments.get(key))
        expected = expected_update(parameter, optimiser, groups[id(parameter)])
        size = then.parameter.abs() * torch.finfo(then.parameter.dtype).eps
        is_due = bool((expected > limits.resolution * size).any())
        if is_due and torch.equal(local(parameter.detach()), then.parameter):
            text = f"Its largest gradient is {then.largest_gradient:.1e}, its update should be {expected.max():.1e}."
            yield Finding(name, Kind.UNCHANGED, text)


def _standing_still(name: str, now: Tensor, then: Tensor | None) -> Iterator[Finding]:
    if not now.any():
        yield Finding(name, Kind.STATE_ZERO, "The optimiser's step does not reach its memory on this device.")
    elif then is not None and torch.equal(now, then):
        yield Finding(name, Kind.STATE_FROZEN, "The optimiser's step no longer reaches its memory on this device.")


def expected_update(parameter: nn.Parameter, optimiser: Optimizer, group: Mapping[str, Any]) -> Tensor:
    """How far each number should have moved: by Adam's rule where its memory is kept, else by rate and gradient."""
    gradient = local(parameter.grad.detach()) if parameter.grad is not None else torch.zeros_like(parameter)
    rate, state = float(group["lr"]), optimiser.state.get(parameter, {})
    if "betas" not in group or "step" not in state:
        return rate * gradient.abs()
    betas, steps = group["betas"], float(state["step"])
    mean, square = (
        local(state[key]) / (1 - beta**steps) for key, beta in zip(("exp_avg", "exp_avg_sq"), betas, strict=True)
    )
    if not mean.any():  # a memory that stays zero is no evidence that nothing should move
        mean, square = gradient, gradient.square()
    return rate * mean.abs() / (square.sqrt() + group["eps"])
