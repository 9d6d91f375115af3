"""Putting a plan into a model: the layers keep their parameters and change their class."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from typing import TypeVar

import torch
from torch import nn

from foldwright.kernels.checking import CheckResult, check
from foldwright.kernels.cpu_atoms import ATOM_SUMS
from foldwright.kernels.cpu_stacks import STACKS
from foldwright.kernels.fast import Fast, become
from foldwright.kernels.inplace import OWNERS, in_place
from foldwright.kernels.low_precision import LowPrecisionLinear
from foldwright.kernels.planning import CPU_INFERENCE, ISLANDS, Plan, plan
from foldwright.nn.linear import Linear
from foldwright.nn.residual import ResidualBlock

log = logging.getLogger("foldwright.kernels")
Model = TypeVar("Model", bound=nn.Module)


def install(model: Model, plan: Plan) -> Model:
    """The same model, run as the plan says; another plan may be installed later.

    Parameters, their names and everything that refers to them stay. A kernel that disagrees with its reference on
    this device is left out, with one line in the log.
    """
    uninstall(model)
    exact = {layer for island in model.modules() if isinstance(island, ISLANDS) for layer in island.modules()}
    if plan.product_dtype is not None:
        _install_low_precision([layer for layer in model.modules() if layer not in exact], plan)
    for layer in list(model.modules()):
        kernel = plan.kernels.get(type(layer))
        if kernel is not None:
            _swap(layer, kernel, replace(plan, precision="float32") if layer in exact else plan)
        elif plan.is_in_place and isinstance(layer, ResidualBlock):
            become(layer, in_place(type(layer)))
        elif plan.is_in_place and type(layer) in (whole := _whole_modules(plan)):
            become(layer, whole[type(layer)])
    return model


def uninstall(model: Model) -> Model:
    """The textbook again."""
    for layer in model.modules():
        if isinstance(layer, Fast):
            become(layer, reference(type(layer)))
            for name in ("piece_bytes", "product_dtype"):
                layer.__dict__.pop(name, None)
    return model


def reference(kernel: type[Fast]) -> type[nn.Module]:
    """The textbook class a kernel is a faster form of."""
    return next(base for base in kernel.__mro__ if issubclass(base, nn.Module) and not issubclass(base, Fast))


def self_check(device: torch.device) -> list[CheckResult]:
    """Every kernel that a plan may choose on a device, against its reference."""
    choices = [(num_tokens, training) for num_tokens in (1, 1_000_000) for training in (False, True)]
    tables = [plan(device, num_tokens, training).kernels for num_tokens, training in choices]
    chosen = dict.fromkeys(kernel for table in tables for kernel in table.values())
    kernels = dict.fromkeys(each for kernel in chosen for each in (kernel, *slower(kernel)))
    return [check(reference(kernel), kernel, device) for kernel in kernels]


def _swap(layer: nn.Module, kernel: type[Fast], plan: Plan) -> None:
    """Let the layer become a kernel, or the slower one that it is built on, whichever computes as the textbook does."""
    for choice in (kernel, *slower(kernel)):
        result = check(type(layer), choice, plan.device, plan.precision)
        if result.passed:
            become(layer, choice)
            assert isinstance(layer, Fast)
            layer.piece_bytes, layer.product_dtype = plan.piece_bytes, plan.product_dtype
            return
        fault = result.fault or f"it is off by {result.error:.1e}"
        _say_once(f"{choice.__name__} is not used on {plan.device}: {fault}")


def slower(kernel: type[Fast]) -> list[type[Fast]]:
    """The kernels of the tables that this one is built on: they serve where it fails."""
    return [base for base in kernel.__mro__[1:] if base in CPU_INFERENCE.values()]


def _whole_modules(plan: Plan) -> dict[type, type[Fast]]:
    """Modules beside the layers that inference runs in another way: they have no reference to be checked with."""
    return OWNERS | (ATOM_SUMS | STACKS if plan.device.type == "cpu" else {})


def _install_low_precision(layers: list[nn.Module], plan: Plan) -> None:
    """Linear maps of the layers that the kernels know; the others, coordinates among them, keep their type."""
    known = [layer for layer in layers if type(layer) in CPU_INFERENCE]
    for linear in dict.fromkeys(x for layer in known for x in layer.modules() if type(x) is Linear):
        _swap(linear, LowPrecisionLinear, plan)


@cache
def _say_once(message: str) -> None:
    log.warning(message)
