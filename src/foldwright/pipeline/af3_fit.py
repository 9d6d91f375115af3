"""Whether a complex fits into memory: refused with what it would need, before the network is built."""

from __future__ import annotations

from functools import cache

import torch

from foldwright.errors import InputError
from foldwright.models.af3.config import AF3
from foldwright.models.af3.model import AlphaFold3
from foldwright.pipeline.af3_options import ComplexOptions
from foldwright.pipeline.af3_plan import ComplexTask
from foldwright.pipeline.memory import available_bytes, gigabytes

FLOAT = 4  # bytes
PROCESS = 500_000_000  # Python and the libraries, RDKit and the chemical dictionary among them
ATOMS_PER_TOKEN = 24


def estimate_bytes(config: AF3, num_tokens: int, num_samples: int) -> int:
    """The largest memory of the process while it predicts so many samples at once."""
    n, z = num_tokens, num_tokens**2 * config.c_z * FLOAT
    biases = n * n * config.diffusion.num_blocks * config.diffusion.heads * FLOAT
    logits = n * n * (config.heads.num_distogram_bins + config.heads.num_pae_bins + config.heads.num_pde_bins) * FLOAT
    alignment = 4 * min(config.features.num_msa, 16_384) * n * config.msa.c_m * FLOAT
    trunk = 4 * z + max(3 * z, alignment)
    sampler = 3 * z + biases + num_samples * n * (ATOMS_PER_TOKEN * 4096 + n * config.diffusion.heads * FLOAT)
    confidence = 5 * z + 2 * logits + num_samples * 4 * n * n * FLOAT
    return PROCESS + parameter_bytes(config) + max(trunk, sampler, confidence)


@cache
def parameter_bytes(config: AF3) -> int:
    """What the weights of a configuration take."""
    with torch.device("meta"):
        return FLOAT * sum(parameter.numel() for parameter in AlphaFold3(config).parameters())


def check_fits(task: ComplexTask, device: torch.device, options: ComplexOptions) -> None:
    """Refuse a complex that is estimated to need more memory than there is, even one sample at a time.

    Raises:
        InputError: naming both, and how many tokens would fit.
    """
    config, free = task.network.config, room(device, options)
    needed = estimate_bytes(config, task.size, 1)
    if needed > free:
        fitting = largest_fitting(config, free, task.size)
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


def samples_at_once(config: AF3, num_tokens: int, num_samples: int, limit: int) -> int:
    """How many samples of a seed fit together, at least one."""
    fitting = (k for k in range(num_samples, 1, -1) if estimate_bytes(config, num_tokens, k) <= limit)
    return next(fitting, 1)


def largest_fitting(config: AF3, limit: int, too_many: int) -> int:
    """The most tokens whose estimate stays within the limit, below a number that is too many."""
    fits, fails = 0, too_many
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if estimate_bytes(config, middle, 1) <= limit else (fits, middle)
    return fits
