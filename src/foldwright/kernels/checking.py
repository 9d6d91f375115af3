"""Whether a kernel computes what its reference does, on the device where it is about to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from foldwright.kernels.fast import Fast, become
from foldwright.kernels.precision import RELATIVE_ERROR
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

S, N, C_M, C_Z = 5, 7, 24, 16  # odd, so that no piece divides them
PIECE_BYTES = 3000  # several pieces even at this size


@dataclass(frozen=True)
class CheckResult:
    """A kernel, whether it may be used, and its relative error against float64."""

    name: str
    passed: bool
    error: float  # NaN if it did not run
    fault: str = ""


def _msa(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(S, N, C_M), mask(S, N)


def _pair(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(N, N, C_Z), mask(N, N)


def _row(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    m, msa_mask = _msa(mask)
    return m, torch.randn(N, N, C_Z), msa_mask


def _core(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    m, msa_mask = _msa(mask)
    return m, m, msa_mask, torch.randn(1, 2, N, N)


def _slots(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(N, N, C_Z), torch.randn(N, N, 3, C_M), mask(2, 3)[0]


Inputs = Callable[..., tuple[Tensor, ...]]
WITHOUT_BIAS = {"bias": False}  # the layers of AlphaFold 3

# How to make each layer, small, what to feed it, and the other forms in which it is used.
CASES: dict[type[nn.Module], tuple[tuple[int, ...], Inputs, tuple[dict[str, bool], ...]]] = {
    GatedAttention: ((C_M, C_M, 8, 2, C_M), _core, ({"query_bias": True, "bias": False},)),
    MSARowAttentionWithPairBias: ((C_M, C_Z, 8, 2), _row, ()),
    MSAColumnAttention: ((C_M, 8, 2), _msa, ()),
    MSAColumnGlobalAttention: ((C_M, 8, 2), _msa, ()),
    TriangleAttentionStartingNode: ((C_Z, 8, 2), _pair, (WITHOUT_BIAS,)),
    TriangleAttentionEndingNode: ((C_Z, 8, 2), _pair, (WITHOUT_BIAS,)),
    TriangleAttentionEndingNodeUnturned: ((C_Z, 8, 2), _pair, (WITHOUT_BIAS,)),
    TriangleMultiplicationOutgoing: ((C_Z, 12), _pair, (WITHOUT_BIAS,)),
    TriangleMultiplicationIncoming: ((C_Z, 12), _pair, (WITHOUT_BIAS,)),
    OuterProductMean: ((C_M, C_Z, 4), _msa, (WITHOUT_BIAS,)),
    Transition: ((C_M,), lambda mask: _msa(mask)[:1], ()),
    TemplatePointwiseAttention: ((C_Z, C_M, 8, 2), _slots, ()),
    Linear: ((C_M, C_Z), lambda mask: _msa(mask)[:1], (WITHOUT_BIAS,)),
}


def forms(layer: type[nn.Module]) -> list[dict[str, bool]]:
    """Every form in which a layer is used, the usual one first."""
    return [{}, *CASES[layer][2]]


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


def example(layer: type[nn.Module], form: Mapping[str, bool] | None = None) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A small layer with random parameters, and inputs whose masks hold zeros and ones and one empty row."""
    sizes, make_inputs, _ = CASES[layer]
    module = layer(*sizes, **(form or {}))
    for parameter in module.parameters():
        # Norm scales stay near one, and no gate or output is left at its closed start.
        spread = torch.randn_like(parameter) * (0.1 if parameter.dim() == 1 else parameter.shape[-1] ** -0.5)
        parameter.copy_(spread + (1 if parameter.dim() == 1 else 0))
    return module, make_inputs(_mixed_mask)


def run(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """The layer's output, without gradients."""
    with torch.no_grad():
        return [module(*inputs)]


def run_with_gradients(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """The output without gradients, the output with them, and all gradients in one."""
    leaves = [x.clone().requires_grad_(x.dim() > 2) for x in inputs]  # all but masks
    out = module(*leaves)
    cotangent = torch.sin(torch.arange(out.numel(), dtype=torch.float64)).to(out).view_as(out)
    wanted = [*(x for x in leaves if x.requires_grad), *module.parameters()]
    gradients = torch.autograd.grad(out, wanted, cotangent)
    return [*run(module, inputs), out.detach(), torch.cat([x.flatten() for x in gradients])]


def poison(device: torch.device) -> None:
    """Fill memory that the next allocations will get with NaN, so that reading before writing shows."""
    held = [torch.full((2**k,), float("nan"), device=device) for k in range(4, 20) for _ in range(4)]
    del held


def _mixed_mask(*shape: int) -> Tensor:
    mask = (torch.rand(shape) > 0.3).float()
    mask[0, 0], mask[0, 1], mask[1] = 1, 0, 0
    return mask
