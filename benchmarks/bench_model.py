"""A whole pass of model_1_ptm, and how long the command takes to its first tensor.

    python benchmarks/bench_model.py [--residues 128] [--precisions float32 auto] [--passes 3]

Targets are stated for a machine whose core multiplies float32 matrices at 95 Gop/s, with two threads, and scaled to
the peak of this one: 36 s for a pass in float32, 21 s with `auto`; 128 residues, 128 clusters, 512 extra rows and
4 templates.
"""

import argparse
import subprocess
import sys
from statistics import median
from time import perf_counter

import machine
import torch
from inputs import random_batch, randomise

from foldwright import kernels
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import preset

TARGETS = {"float32": 36.0, "auto": 21.0}
REFERENCE_PEAK = 2 * 95e9  # operations per second on two threads
FIRST_TENSOR = "import torch, foldwright.cli.main, foldwright.pipeline.predict; torch.zeros(1)"


def main() -> None:
    """Print start, seconds a pass, peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residues", type=int, default=128)
    parser.add_argument("--precisions", nargs="+", default=list(TARGETS))
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    print(machine.describe())
    print(f"command start to first tensor: {median(first_tensor() for _ in range(3)):.1f} s (target 6 s)", flush=True)
    kernels.keep_large_allocations()
    start = perf_counter()
    model = randomise(AlphaFold(preset("model_1_ptm"))).eval()
    print(f"building the network: {perf_counter() - start:.1f} s")
    for precision in options.precisions:
        report(model, options.residues, precision, options.passes)
    print(f"peak memory of the process: {machine.peak_of_process() / 1e9:.2f} GB")


def first_tensor() -> float:
    """Seconds from the start of Python to a tensor, everything `foldwright predict` needs imported."""
    return machine.seconds(lambda: subprocess.run([sys.executable, "-c", FIRST_TENSOR], check=True))


def report(model: AlphaFold, n: int, precision: str, num_passes: int) -> None:
    """Time passes and the plain product in turn."""
    plan = kernels.plan("cpu", n, training=False, precision=precision)
    kernels.install(model, plan)
    batch = random_batch(n, num_clusters=128, num_extra=512, num_templates=4)
    took, rates = [], []
    with torch.inference_mode():
        for _ in range(num_passes):
            rates.append(machine.product_rate(torch.float32))
            took.append(machine.seconds(lambda: model([[batch]])))
    target = TARGETS.get(precision, 0) * REFERENCE_PEAK / median(rates)
    print(
        f"{precision} ({plan.precision} products): {median(took):.1f} s a pass, n = {n}; float32 product "
        f"{median(rates) / 1e9:.0f} Gop/s, so the target here is {target:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
