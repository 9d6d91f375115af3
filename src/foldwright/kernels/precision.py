"""Which type the matrix products run in."""

from functools import cache
from time import perf_counter

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PRECISIONS = (*DTYPES, "auto")

# What a choice promises: the relative error of each layer's output against float64 (tests/kernels hold it).
RELATIVE_ERROR = {"float32": 2e-5, "bfloat16": 2e-2}
WORTHWHILE = 1.5  # `auto` takes bfloat16 only where its products are this much faster


def resolve(precision: str, device: torch.device) -> str:
    """ "float32" or "bfloat16"; "auto" takes bfloat16 where it is measured to be faster.

    Raises:
        ValueError: any other type. float16 in particular is emulated on CPUs, 200 times slower.
    """
    if precision not in PRECISIONS:
        raise ValueError(f'unknown precision "{precision}"; choose one of {", ".join(PRECISIONS)}')
    if precision != "auto":
        return precision
    return "bfloat16" if speed_up(device.type) > WORTHWHILE else "float32"


@cache
def speed_up(device_type: str) -> float:
    """How many times faster a matrix product runs in bfloat16 than in float32, measured once; 0 if not in hardware."""
    if not has_bfloat16(device_type):
        return 0.0
    device = torch.device(device_type)
    return _seconds(torch.float32, device) / _seconds(torch.bfloat16, device)


def has_bfloat16(device_type: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without these instructions bfloat16 is emulated, several times slower than float32.
    return device_type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _seconds(dtype: torch.dtype, device: torch.device, repeats: int = 5) -> float:
    """The quickest of a few products of the Evoformer's commonest shape."""
    x, weight = torch.ones(2048, 256, dtype=dtype, device=device), torch.ones(1024, 256, dtype=dtype, device=device)
    quickest = float("inf")
    for _ in range(repeats + 1):
        start = perf_counter()
        (x @ weight.t())[0, 0].item()  # waits for the device
        quickest = min(quickest, perf_counter() - start)
    return quickest
