"""Whether a kernel computes what its reference does, on the device where it is about to run."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from foldwright.kernels.cases import applied, example, forms
from foldwright.kernels.fast import Fast, become
from foldwright.kernels.precision import RELATIVE_ERROR

PIECE_BYTES = 3000  # several pieces even at this size


@dataclass(frozen=True)
class CheckResult:
    """A kernel, whether it may be used, and its relative error against float64."""

    name: str
    passed: bool
    error: float  # NaN if it did not run
    fault: str = ""


def check(layer: type[nn.Module], kernel: type[Fast], device: torch.device, precision: str = "float32") -> CheckResult:
    """Compare a kernel with its reference in float64, from memory full of NaN; done once for a device."""
    return _check(layer, kernel, device.type, device.index, precision)


@cache
def _check(
    layer: type[nn.Module], kernel: type[Fast], device_type: str, index: int | None, precision: str
) -> CheckResult:
    device = torch.device(device_type, index) if index is not None else torch.device(device_type)
    try:
        error = max(relative_error(layer, kernel, device, precision, form) for form in forms(layer))
    except Exception as fault:  # whatever a device or a build of torch may raise, the reference still runs
        return CheckResult(
            kernel.__name__, False, float("nan"), str(fault).splitlines()[0] if str(fault) else repr(fault)
        )
    return CheckResult(kernel.__name__, error <= RELATIVE_ERROR[precision], error)


@torch.inference_mode(False)
@torch.enable_grad()
def relative_error(
    layer: type[nn.Module],
    kernel: type[Fast],
    device: torch.device,
    precision: str,
    form: Mapping[str, bool] | None = None,
) -> float:
    """The error of the kernel's output, outputs with no real partner included, and of a gradient written by hand."""
    with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.device("cpu"):
        torch.manual_seed(0)
        module, inputs = example(layer, form)
    calculate = run_with_gradients if kernel.has_own_gradient else run
    expected = calculate(deepcopy(module).double(), [x.double() for x in inputs])
    fast = deepcopy(module).to(device)
    become(fast, kernel)
    assert isinstance(fast, Fast)
    fast.piece_bytes = PIECE_BYTES
    fast.product_dtype = torch.bfloat16 if precision == "bfloat16" else None
    poison(device)
    found = calculate(fast, [x.to(device) for x in inputs])
    return max(float((a.double().cpu() - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True))


def run(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """The layer's output, without gradients."""
    with torch.no_grad():
        return [applied(module, inputs)]


def run_with_gradients(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """The output without gradients, the output with them, and all gradients in one."""
    leaves = [x.clone().requires_grad_(x.dim() > 2) for x in inputs]  # all but masks
    out = applied(module, leaves)
    cotangent = torch.sin(torch.arange(out.numel(), dtype=torch.float64)).to(out).view_as(out)
    wanted = [*(x for x in leaves if x.requires_grad), *module.parameters()]
    gradients = torch.autograd.grad(out, wanted, cotangent)
    return [*run(module, inputs), out.detach(), torch.cat([x.flatten() for x in gradients])]


def poison(device: torch.device) -> None:
    """Fill memory that the next allocations will get with NaN, so that reading before writing shows."""
    held = [torch.full((2**k,), float("nan"), device=device) for k in range(4, 20) for _ in range(4)]
    del held
