"""Whether a job fits: what it is estimated to need beside what there is, before any network is built."""

from __future__ import annotations

import gc
import resource
from pathlib import Path

import psutil
import torch

from foldwright.errors import InputError

_CGROUPS = (  # limit and use of a container: version 2, then version 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def available_bytes(device: torch.device) -> int:
    """Memory that a new job may take: of the GPU, or of this machine within its container and `ulimit`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    process = psutil.Process().memory_info()
    limits = [psutil.virtual_memory().available, *_container_bytes()]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(max(0, soft - process.vms))
    return min(limits)


def _container_bytes() -> list[int]:
    for limit, used in _CGROUPS:
        try:
            return [max(0, int(limit.read_text()) - int(used.read_text()))]
        except (OSError, ValueError):  # no container, or "max"
            continue
    return []


def parse_bytes(text: str) -> int:
    """`12GB`, `500MB` or `12` (gigabytes) as bytes.

    Raises:
        InputError: anything else.
    """
    number = text.strip().upper().removesuffix("B")
    unit = {"M": 1e6, "G": 1e9, "T": 1e12}.get(number[-1:], 0)
    try:
        size = float(number[:-1] if unit else number) * (unit or 1e9)
    except ValueError:
        size = -1
    if not 0 < size < 1e15:
        raise InputError(f'cannot read "{text}".', field="--memory-limit", remedy="Write a size such as 12GB.")
    return int(size)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of the device or of this machine ran out."""
    text = str(error).lower()
    is_named = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_named or "out of memory" in text or "allocate memory" in text


def release(device: torch.device) -> None:
    """Give back what a failed attempt still holds."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def gigabytes(size: int) -> str:
    """1.5e9 as `1.5 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def use_threads(count: int) -> None:
    """Let the network take so many threads of the CPU.

    Raises:
        InputError: fewer than one.
    """
    if count < 1:
        raise InputError(f"{count} is not possible.", field="--threads", remedy="Give a number of at least 1.")
    torch.set_num_threads(count)
