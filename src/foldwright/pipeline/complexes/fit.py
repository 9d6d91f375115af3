"""Whether a complex fits into memory: refused with what it would need, before the network is built."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from foldwright import kernels
from foldwright.errors import InputError
from foldwright.features.af3.layout import TokenTable
from foldwright.kernels.memory_complexes import estimate_complex_bytes
from foldwright.models.af3.config import AF3
from foldwright.pipeline.complexes.options import ComplexOptions
from foldwright.pipeline.complexes.plan import ComplexTask
from foldwright.pipeline.memory import available_bytes, gigabytes

LIBRARIES = 150_000_000  # RDKit and the chemical dictionary, beside what every prediction needs
BYTES_PER_PAIR = 16  # of each sample's errors, which are kept until all are scored


@dataclass(frozen=True)
class ComplexLoad:
    """What decides the memory of a prediction; an alignment is taken to fill what a pass reads."""

    config: AF3
    num_tokens: int
    num_atoms: int
    plan: kernels.Plan

    def peak_bytes(self, num_samples: int) -> int:
        """The estimated peak with so many samples at once."""
        n, rows = self.num_tokens, self.config.features.num_msa
        network = estimate_complex_bytes(self.config, n, self.num_atoms, rows, num_samples, self.plan)
        return LIBRARIES + network + num_samples * n * n * BYTES_PER_PAIR

    def resized(self, num_tokens: int) -> ComplexLoad:
        """A complex of the same kind with so many tokens."""
        num_atoms = math.ceil(num_tokens * self.num_atoms / self.num_tokens)
        return replace(self, num_tokens=num_tokens, num_atoms=num_atoms)

    def largest_fitting(self, limit: int) -> int:
        """The most tokens whose estimate stays within the limit, one sample at a time; this load is too large."""
        fits, fails = 0, self.num_tokens
        while fails - fits > 1:
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if self.resized(middle).peak_bytes(1) <= limit else (fits, middle)
        return fits

    def samples_at_once(self, num_samples: int, limit: int) -> int:
        """How many samples of a seed fit together, at least one."""
        fitting = (k for k in range(num_samples, 1, -1) if self.peak_bytes(k) <= limit)
        return next(fitting, 1)


def load_of(config: AF3, table: TokenTable, device: torch.device, precision: str) -> ComplexLoad:
    """The load of the tokens of a job."""
    plan = kernels.plan(device, len(table), training=False, precision=precision)
    return ComplexLoad(config, len(table), table.num_atoms, plan)


def check_fits(task: ComplexTask, device: torch.device, options: ComplexOptions) -> None:
    """Refuse a complex that is estimated to need more memory than there is, even one sample at a time.

    Raises:
        InputError: naming both, and how many tokens would fit.
    """
    load, free = load_of(task.network.config, task.prepared.table, device, options.precision), room(device, options)
    needed = load.peak_bytes(1)
    if needed > free:
        fitting = load.largest_fitting(free)
        raise InputError(
            f"{task.title} has {task.size:,} tokens and would need about {gigabytes(needed)}; {gigabytes(free)} are "
            "free.",
            file=task.job.source,
            line=task.job.line,
            remedy=f"Up to {fitting:,} tokens would fit here: leave out chains, or use a machine with more memory.",
        )


def room(device: torch.device, options: ComplexOptions) -> int:
    """The memory that a prediction may take."""
    free = available_bytes(device)
    return min(free, options.memory_limit or free)
