"""Seconds and peak memory of each stage of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass
class Stages:
    """A stopwatch that also reads the high-water mark of memory, stage by stage."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure the block; a stage entered again adds its seconds and keeps its highest peak."""
        reset_peak(self.device)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
            self.peak_bytes[stage] = max(self.peak_bytes.get(stage, 0), peak_bytes(self.device))

    def as_record(self) -> dict[str, dict[str, float | int]]:
        """What run.json says of each stage."""
        return {
            stage: {"seconds": round(seconds, 3), "peak_memory_bytes": self.peak_bytes[stage]}
            for stage, seconds in self.seconds.items()
        }


def reset_peak(device: torch.device) -> None:
    """Start the high-water mark anew. Where the system cannot, peaks are those of the process so far."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        _RESET.write_text("5")  # Linux: proc(5), resets VmHWM
    except OSError:
        return


def peak_bytes(device: torch.device) -> int:
    """High-water mark of the device's memory: tensors on CUDA, the resident set of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
