"""What a benchmark ran on, and how fast a plain matrix product is there in the same minute."""

import platform
import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import torch


def describe() -> str:
    """Processor, threads, libraries."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    flags = " ".join(x for x in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if x in _text("/proc/cpuinfo"))
    return f"{cpu} ({flags}), {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.platform()}"


def seconds(run) -> float:
    """How long one call takes."""
    start = perf_counter()
    run()
    return perf_counter() - start


def product_rate(dtype: torch.dtype, size: int = 1536) -> float:
    """Operations per second of one square matrix product."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(3))


class Took(NamedTuple):
    """One call, and the product timed beside it."""

    wall: float  # seconds
    processor: float  # seconds, of all threads together
    rate: float  # operations of the product in a second of processor time
    rate_in_wall: float  # and in a second of wall time


def beside_products(run: Callable[[], Any], dtype: torch.dtype, budget: float = 25.0, most: int = 15) -> list[Took]:
    """Calls of `run` and plain products in turn, at least three and at most `most`, for about `budget` seconds."""
    took: list[Took] = []
    start = perf_counter()
    with torch.inference_mode():
        run()
        while len(took) < 3 or (len(took) < most and perf_counter() - start < budget):
            before = _product(dtype)
            wall, processor = perf_counter(), process_time()
            run()
            wall, processor = perf_counter() - wall, process_time() - processor
            after = _product(dtype)
            rates = [(before[i] + after[i]) / 2 for i in (0, 1)]
            took.append(Took(wall, processor, rates[1], rates[0]))
    return took


def _product(dtype: torch.dtype, size: int = 1536) -> tuple[float, float]:
    """Operations of one square matrix product in a second of wall and of processor time, the best of three."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    walls, processors = [], []
    for _ in range(3):
        wall, processor = perf_counter(), process_time()
        torch.mm(a, b)
        walls.append(perf_counter() - wall)
        processors.append(process_time() - processor)
    return 2 * size**3 / min(walls), 2 * size**3 / min(processors)


def forget_peak() -> int:
    """Start measuring peak memory anew; the bytes in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """The most bytes in use since `forget_peak`, or since the program began."""
    return _status("VmHWM")


def peak_of_process() -> int:
    """The most bytes this process has ever used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status(name: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in _lines("/proc/self/status") if line.startswith(name))


def _lines(path: str) -> list[str]:
    return _text(path).splitlines()


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""
