"""One Pairformer block of AlphaFold 3 with installed kernels: seconds, fraction of the machine's peak, memory.

    python benchmarks/bench_pairformer.py [--tokens 128 256] [--precisions float32] [--textbook] [--parts]

The peak is that of a square matrix product in the same type, timed in turn with the block. Fractions are given in wall
time and in processor time: where other programs share the machine the second is the one to read. Operations are counted
for matrix products alone, a multiply-add as two. Memory is the growth of the resident set during the first call of a
fresh process, beyond the inputs, in pair tensors (targets: 65 % in float32, 50 % in bfloat16, 6 pair tensors).
"""

import argparse
import ctypes
import subprocess
import sys
from collections.abc import Callable
from statistics import median

import machine
import torch
from inputs import pair_mask, randomise
from torch import Tensor

from foldwright import kernels
from foldwright.models.af3.config import Pairformer
from foldwright.models.af3.pairformer import PairformerBlock

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BUDGET = 25.0  # seconds for one line


def main() -> None:
    """Print one line for each precision and size."""
    options = arguments()
    if options.memory:
        print(memory_above_inputs(*options.memory))
        return
    print(machine.describe())
    kernels.keep_large_allocations()
    precisions = options.precisions or [name for name in TYPES if name == "float32" or kernels.has_bfloat16("cpu")]
    for precision in precisions:
        for n in options.tokens:
            report(n, precision, options.textbook)
            if options.parts:
                report_parts(n, precision, options.textbook)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--precisions", nargs="+", choices=TYPES, help="by default those in hardware")
    parser.add_argument("--textbook", action="store_true", help="without kernels")
    parser.add_argument("--parts", action="store_true", help="each layer of the block, too")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def report(n: int, precision: str, textbook: bool) -> None:
    """Time the block and the plain product in turn, and print their medians."""
    block, inputs = make(n, precision, textbook)
    took = machine.beside_products(lambda: block(*inputs), TYPES[precision], BUDGET)
    count = 2 * sum(operations(n).values())
    command = [sys.executable, __file__, "--memory", str(n), precision]
    memory = "-" if textbook else subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    print(
        f"{precision:9} {n:4} tokens  {median(x.wall for x in took):7.3f} s  {count / 1e9:6.1f} Gop  "
        f"{100 * median(count / x.wall / x.rate_in_wall for x in took):5.1f}% of peak in wall time  "
        f"{100 * median(count / x.processor / x.rate for x in took):5.1f}% in processor time  memory {memory} x pair",
        flush=True,
    )


def report_parts(n: int, precision: str, textbook: bool) -> None:
    """Processor time of every layer."""
    block, (s, z, mask, pairs) = make(n, precision, textbook)
    pair, counts = block.pair, operations(n)
    parts: dict[str, Callable[[], Tensor]] = {
        "multiplication outgoing": lambda: pair.triangle_multiplication_outgoing(z, pairs),
        "multiplication incoming": lambda: pair.triangle_multiplication_incoming(z, pairs),
        "attention starting": lambda: pair.triangle_attention_starting(z, pairs),
        "attention ending": lambda: pair.triangle_attention_ending(z, pairs),
        "pair transition": lambda: pair.pair_transition(z),
        "single attention": lambda: block.single_attention(s, z, mask),
        "single transition": lambda: block.single_transition(s),
    }
    for name, run in parts.items():
        took = machine.beside_products(run, TYPES[precision], BUDGET / 5)
        fraction = median(2 * counts[name] / x.processor / x.rate for x in took)
        print(f"    {name:24} {1e3 * median(x.processor for x in took):7.1f} ms  {100 * fraction:5.1f}%", flush=True)


def make(n: int, precision: str, textbook: bool) -> tuple[PairformerBlock, list[Tensor]]:
    """The block as it is installed for inference, and inputs with real masks."""
    torch.manual_seed(0)
    sizes = Pairformer()
    block = PairformerBlock(sizes)
    randomise(block).eval()
    if not textbook:
        kernels.install(block, kernels.plan("cpu", n, training=False, precision=precision))
    pairs = pair_mask(n)
    return block, [torch.randn(n, sizes.c_s), torch.randn(n, n, sizes.pair.c_z), pairs[0].clone(), pairs]


def memory_above_inputs(n: str, precision: str) -> str:
    """Growth of the resident set during the first call, in pair tensors."""
    kernels.keep_large_allocations()
    block, inputs = make(int(n), precision, textbook=False)
    small, few = make(8, precision, textbook=False)
    with torch.inference_mode():
        small(*few)  # libraries make their own buffers at first use
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        before = machine.forget_peak()
        block(*inputs)
    return f"{(machine.peak() - before) / inputs[1].nbytes:.2f}"


def operations(n: int) -> dict[str, int]:
    """Multiply-adds of the matrix products of each layer (AF3 SI Alg. 17 with the sizes of 3.6)."""
    c_z, c_s, heads_z, heads_s = 128, 384, 4, 16
    multiplication = n * n * 6 * c_z * c_z + n**3 * c_z
    attention = n * n * (5 * c_z * c_z + c_z * heads_z) + 2 * n**3 * c_z
    return {
        "multiplication outgoing": multiplication,
        "multiplication incoming": multiplication,
        "attention starting": attention,
        "attention ending": attention,
        "pair transition": n * n * 3 * 4 * c_z * c_z,
        "single attention": n * 5 * c_s * c_s + n * n * (c_z * heads_s + 2 * c_s),
        "single transition": n * 3 * 4 * c_s * c_s,
    }


if __name__ == "__main__":
    main()
