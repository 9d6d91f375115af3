"""What the machine can do at most, measured in the same minute: a plain matrix product and a plain copy."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch

from foldwright.kernels import has_bfloat16

SIZE = {"cpu": 1536, "cuda": 8192}  # of a square matrix; larger ones are not faster
COPIED = {"cpu": 1 << 26, "cuda": 1 << 30}  # bytes, beyond any cache
REPEATS = 5


@dataclass(frozen=True)
class Peak:
    """The two limits of the roofline (Williams et al. 2009)."""

    flops_per_s: float  # of a square matrix product in the type of the run, a multiply-add counting as two
    bytes_per_s: float  # read and written by a copy
    number_bytes: int = 4  # of an operand

    def attainable(self, flops_per_byte: float) -> float:
        """The FLOP/s that memory or arithmetic allows."""
        return min(self.flops_per_s, flops_per_byte * self.bytes_per_s)

    @property
    def ridge(self) -> float:
        """FLOP per byte beyond which arithmetic is the limit."""
        return self.flops_per_s / self.bytes_per_s


def measure_peak(device: torch.device, dtype: torch.dtype = torch.float32) -> Peak:
    """The best of a few repeats of each; bfloat16 where it is emulated is measured as what emulates it."""
    if dtype == torch.bfloat16 and not has_bfloat16(device.type):
        dtype = torch.float32
    size, copied = SIZE.get(device.type, 1536), COPIED.get(device.type, 1 << 26)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    product = _seconds(lambda: torch.mm(a, b, out=out), device)
    source = torch.ones(copied // 4, device=device)
    target = torch.empty_like(source)
    copy = _seconds(lambda: target.copy_(source), device)
    return Peak(flops_per_s=2 * size**3 / product, bytes_per_s=2 * copied / copy, number_bytes=dtype.itemsize)


def _seconds(run, device: torch.device) -> float:
    quickest = float("inf")
    for _ in range(REPEATS + 1):
        start = perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        quickest = min(quickest, perf_counter() - start)
    return quickest
