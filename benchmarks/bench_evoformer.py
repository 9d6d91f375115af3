"""One Evoformer block of model_1 with installed kernels: seconds, fraction of the machine's peak, memory.

    python benchmarks/bench_evoformer.py [--residues 64 128] [--precisions float32] [--textbook]

The peak is that of a square matrix product in the same type, timed in turn with the block; fractions and seconds are
medians. Operations are counted for matrix products alone, a multiply-add as two (`operations`): normalisation, gates,
softmax and sums take time but count nothing. Memory is the growth of the resident set during the first call of a fresh
process, beyond the inputs, in units of the alignment and pair tensors together (target: less than 6).
"""

import argparse
import ctypes
import subprocess
import sys
from statistics import median
from time import perf_counter

import machine
import torch
from inputs import pair_mask, randomise, real_mask

from foldwright import kernels
from foldwright.models.af2.config import Evoformer
from foldwright.models.af2.evoformer import EvoformerBlock

ROWS = 128
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BUDGET = 25.0  # seconds for one line; types without hardware are slow


def main() -> None:
    """Print one line for each precision and size."""
    options = arguments()
    if options.memory:
        print(memory_above_inputs(*options.memory))
        return
    print(machine.describe())
    kernels.keep_large_allocations()
    for precision in options.precisions or precisions_in_hardware():
        for n in options.residues:
            report(n, precision, options.textbook)


def precisions_in_hardware() -> list[str]:
    """float32, and bfloat16 where it is not emulated."""
    if kernels.has_bfloat16("cpu"):
        return list(TYPES)
    print("bfloat16: emulated by this processor, not measured (--precisions bfloat16 does); `auto` takes float32 here")
    return ["float32"]


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--residues", type=int, nargs="+", default=[64, 128, 256, 384])
    parser.add_argument("--precisions", nargs="+", choices=TYPES, help="by default those in hardware")
    parser.add_argument("--textbook", action="store_true", help="without kernels")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def report(n: int, precision: str, textbook: bool) -> None:
    """Time the block and the plain product in turn, and print their medians."""
    block, inputs = make(n, precision, textbook)
    run = lambda: block(*inputs)  # noqa: E731
    took, fractions, rates = [], [], []
    start = perf_counter()
    with torch.inference_mode():
        run()
        while len(took) < 3 or (len(took) < 15 and perf_counter() - start < BUDGET):
            rate = machine.product_rate(TYPES[precision])
            took.append(machine.seconds(run))
            rates.append((rate + machine.product_rate(TYPES[precision])) / 2)
            fractions.append(operations(n) / took[-1] / rates[-1])
            if took[-1] > BUDGET / 3:
                break
    memory = subprocess.run(
        [sys.executable, __file__, "--memory", str(n), precision], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(
        f"{precision:9} {n:4} residues x {ROWS} rows  {median(took):8.3f} s  {operations(n) / 1e9:6.1f} Gop  "
        f"peak {median(rates) / 1e9:6.1f} Gop/s  {100 * median(fractions):5.1f}% of peak  "
        f"memory {'-' if textbook else memory} x (MSA + pair)",
        flush=True,
    )


def make(n: int, precision: str, textbook: bool) -> tuple[EvoformerBlock, list[torch.Tensor]]:
    """The block as it is installed for inference, and inputs with real masks."""
    torch.manual_seed(0)
    sizes = Evoformer()
    block = randomise(EvoformerBlock(sizes)).eval()
    if not textbook:
        kernels.install(block, kernels.plan("cpu", n, training=False, precision=precision))
    masks = [real_mask(ROWS, n, empty_rows=2), pair_mask(n)]
    return block, [torch.randn(ROWS, n, sizes.c_m), torch.randn(n, n, sizes.c_z), *masks]


def memory_above_inputs(n: str, precision: str) -> str:
    """Growth of the resident set during the first call, in units of the two streams."""
    kernels.keep_large_allocations()
    block, inputs = make(int(n), precision, textbook=False)
    small, few = make(8, precision, textbook=False)
    with torch.inference_mode():
        small(*few)  # libraries make their own buffers at first use
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        before = machine.forget_peak()
        block(*inputs)
    return f"{(machine.peak() - before) / sum(x.nbytes for x in inputs[:2]):.2f}"


def operations(n: int, s: int = ROWS) -> int:
    """Of the matrix products of one block: AF2 Suppl. Alg. 6 lines 2-10 with the sizes of the monomer."""
    c_m, c_z, c_outer, heads_m, heads_z = 256, 128, 32, 8, 4
    projections = 5 * c_m * c_m  # query, key, value, gate, output
    row_attention = s * n * projections + 2 * s * n * n * c_m + n * n * c_z * heads_m
    column_attention = s * n * projections + 2 * n * s * s * c_m
    msa_transition = s * n * 2 * c_m * 4 * c_m
    outer_product = 2 * s * n * c_m * c_outer + s * n * n * c_outer**2 + n * n * c_outer**2 * c_z
    triangle_multiplication = n * n * 6 * c_z * c_z + n**3 * c_z
    triangle_attention = n * n * (5 * c_z * c_z + c_z * heads_z) + 2 * n**3 * c_z
    pair_transition = n * n * 2 * c_z * 4 * c_z
    multiply_adds = (
        row_attention
        + column_attention
        + msa_transition
        + outer_product
        + 2 * triangle_multiplication
        + 2 * triangle_attention
        + pair_transition
    )
    return 2 * multiply_adds


if __name__ == "__main__":
    main()
