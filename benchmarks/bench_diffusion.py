"""AlphaFold 3's denoiser with installed kernels: what is done once, and what every step costs. And the trunk.

    python benchmarks/bench_diffusion.py [--tokens 128 256] [--samples 1 5] [--textbook] [--trunk]

Times are processor time of all threads and, in brackets, wall time; both also as operations of a square matrix
product that is timed in turn, so that they can be compared between machines. Targets for a machine whose core
multiplies float32 matrices at 95 Gop/s, with two threads: a step of one sample in 0.35 s at 128 tokens, and at most
half of a call without `prepare`; a pass of the trunk, 128 tokens and 512 rows, in 10.5 s.
"""

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import machine
import torch
from complexes import random_complex
from inputs import randomise

from foldwright import kernels
from foldwright.models.af3.diffusion import DiffusionModule
from foldwright.models.af3.presets import af3
from foldwright.models.af3.trunk import Trunk, TrunkState

REFERENCE_PEAK = 2 * 95e9  # operations a second on two threads
STEP, PASS = 0.35, 10.5  # seconds there
ROWS = 512
BUDGET = 20.0  # seconds for one line


def main() -> None:
    """Print a block of lines for each size."""
    options = arguments()
    print(machine.describe())
    kernels.keep_large_allocations()
    for n in options.tokens:
        report_denoiser(n, options.samples, options.textbook)
    if options.trunk:
        report_trunk(options.tokens[0], options.textbook)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--textbook", action="store_true", help="without kernels")
    parser.add_argument("--trunk", action="store_true", help="a whole pass of the trunk, too, at the first size")
    return parser.parse_args()


def report_denoiser(n: int, samples: list[int], textbook: bool) -> None:
    """`prepare`, and `denoise` for some numbers of samples."""
    torch.manual_seed(0)
    config, batch = af3(), random_complex(n, num_rows=8)
    module = DiffusionModule(config)
    randomise(module).eval()
    if not textbook:
        kernels.install(module, kernels.plan("cpu", n, training=False))
    given = torch.randn(n, config.c_s), torch.randn(n, n, config.c_z), torch.randn(n, config.c_target), batch
    level = torch.tensor(20.0)
    once = line(f"{n} tokens, prepare", lambda: module.prepare(*given))
    with torch.inference_mode():
        prepared = module.prepare(*given)
    for count in samples:
        x = 20 * torch.randn(count, n, 24, 3)
        step = line(f"{n} tokens, step of {count}", lambda x=x: module.denoise(prepared, x, level))
        print(f"    a step is {100 * step / (once + step):.0f}% of a call without `prepare`")
        if count == 1 and n == 128:
            print(f"    target {STEP * REFERENCE_PEAK / 1e9:.0f} Gop of the product")


def report_trunk(n: int, textbook: bool) -> None:
    """One pass at full depth."""
    config, batch = af3(), random_complex(n, num_rows=ROWS)
    trunk = Trunk(config)
    randomise(trunk).eval()
    plan = kernels.plan("cpu", n, training=False, precision="float32")
    if not textbook:
        kernels.install(trunk, plan)
    target_feat = torch.randn(n, config.c_target)
    state = TrunkState.zeros(batch.tokens.mask, config.c_s, config.c_z)
    line(f"{n} tokens, {ROWS} rows, a pass of the trunk", lambda: trunk(batch, target_feat, state), most=3)
    print(f"    target {PASS * REFERENCE_PEAK / 1e9:.0f} Gop of the product")


def line(what: str, run: Callable[[], Any], most: int = 9) -> float:
    """Time it, say so, and return the processor time as operations of the product."""
    took = machine.beside_products(run, torch.float32, BUDGET, most)
    equivalents = median(x.processor * x.rate for x in took)
    print(
        f"{what:44} {median(x.processor for x in took):7.3f} s [{median(x.wall for x in took):7.3f} s]  "
        f"{equivalents / 1e9:7.1f} Gop of the product [{median(x.wall * x.rate_in_wall for x in took) / 1e9:7.1f}]",
        flush=True,
    )
    return equivalents


if __name__ == "__main__":
    main()
