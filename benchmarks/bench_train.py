"""A step of training without its data: forward, backward, optimiser and memory, each measured in its own process.

    python benchmarks/bench_train.py [--networks tiny deep] [--manners textbook installed checkpointed] [--crop 64]

`tiny` is the recipe of that name, one example at a time; `deep` the published network, 48 blocks at full width without
templates, on 32 rows and 64 extra ones. `textbook` runs the layers as they are written, `installed` with the kernels
for training, `checkpointed` with blocks recomputed as well. `+blocks` is the same network with twice the blocks, for
what its memory grows by. Seconds are processor time, the least of the repeats: other programs slow a step
down, nothing hastens it. Memory is the peak of the resident set above that of the process between two steps; tensors
are the most bytes that all those of a step take at once, gradients among them. The rest is what the C allocator cannot
use between them.
"""

import argparse
import ctypes
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from time import perf_counter, process_time

import machine
import torch
from inputs import random_batch, randomise
from torch import Tensor

from foldwright import kernels
from foldwright.chem.atoms import ATOM37_MASK
from foldwright.features.batch import AF2Batch
from foldwright.features.structure import StructureLabels, structure_labels
from foldwright.models.af2.config import AF2, FeatureSizes
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import preset
from foldwright.profiling.memory import Ledger
from foldwright.training.blocks import recompute
from foldwright.training.objective_af2 import initial_training, loss_terms
from foldwright.training.recipes.small import tiny

MANNERS = ("textbook", "installed", "checkpointed")
MEGABYTE = 1e6


def main() -> None:
    """One line for each network and manner."""
    options = arguments()
    if options.one:
        print(json.dumps(measure(*options.one, options.crop, options.repeats, options.device)))
        return
    print(machine.describe(), flush=True)
    for network in options.networks:
        for manner in options.manners:
            report(network, manner, options)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["tiny", "tiny+blocks", "deep"])
    parser.add_argument("--manners", nargs="+", choices=MANNERS, default=list(MANNERS))
    parser.add_argument("--crop", type=int, default=64, help="residues")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def report(network: str, manner: str, options: argparse.Namespace) -> None:
    """Measure in a fresh process and print."""
    sizes = ("--crop", str(options.crop), "--repeats", str(options.repeats), "--device", options.device)
    command = [sys.executable, __file__, "--one", network, manner, *sizes]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    both = found["forward"] + found["backward"]
    print(
        f"{network:12} {manner:12} forward {found['forward']:7.3f} s  backward {found['backward']:7.3f} s  "
        f"optimiser {found['optimiser']:6.3f} s  (forward + backward) / forward {both / found['forward']:4.2f}  "
        f"memory {found['memory'] / MEGABYTE:6.0f} MB (tensors {found['tensors'] / MEGABYTE:6.0f} MB) above "
        f"{found['held'] / MEGABYTE:5.0f} MB of parameters and state",
        flush=True,
    )


def measure(network: str, manner: str, crop: int, repeats: int, device: str) -> dict[str, float]:
    """The quickest of some steps, and the memory of one."""
    kernels.keep_large_allocations()
    torch.manual_seed(0)
    trained = Trained.make(network_of(network), manner, crop, torch.device(device))
    trained.step()  # libraries make their buffers, the optimiser its state
    before = trained.forget_peak()
    timings = [trained.step() for _ in range(repeats)]
    names = ("forward", "backward", "optimiser")
    best = {name: min(values) for name, values in zip(names, zip(*timings, strict=True), strict=True)}
    held = 4 * 4 * sum(parameter.numel() for parameter in trained.model.parameters())  # values, gradients, two moments
    memory = trained.peak() - before
    return {**best, "memory": memory, "held": held, "tensors": most_bytes_of_tensors(trained)}


def network_of(name: str) -> AF2:
    """The configuration; `+blocks` doubles its Evoformer."""
    base, _, more = name.partition("+")
    if base == "tiny":
        config = tiny().model
    elif base == "deep":
        features = FeatureSizes(num_clusters=32, num_extra=64, num_templates=0)
        config = replace(preset("model_1_ptm"), templates=None, features=features)
    else:
        raise SystemExit(f"no network {base}; there are tiny and deep")
    return replace(config, trunk=replace(config.trunk, num_blocks=2 * config.trunk.num_blocks)) if more else config


@dataclass
class Trained:
    """A network, its optimiser, and one example."""

    model: AlphaFold
    optimiser: torch.optim.Optimizer
    batch: AF2Batch
    labels: StructureLabels

    @classmethod
    def make(cls, config: AF2, manner: str, crop: int, device: torch.device) -> "Trained":
        """Installed in one of the manners."""
        model = randomise(AlphaFold(config)).to(device).train()
        if manner != "textbook":
            kernels.install(model, kernels.plan(device, crop, training=True))
        if manner == "checkpointed":
            recompute(model)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)
        features = config.features
        batch = random_batch(crop, features.num_clusters, features.num_extra, 0)
        return cls(model, optimiser, replace(batch, templates=None).to(device), random_labels(batch).to(device))

    def step(self) -> tuple[float, float, float]:
        """Seconds of forward and loss, backward, and optimiser."""
        times = [self.now()]
        output = self.model([[self.batch]])
        terms = loss_terms(output, self.labels, self.batch.residues, self.batch.masked_msa)
        loss = terms.weighted(initial_training()).mean()
        times.append(self.now())
        loss.backward()
        times.append(self.now())
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        times.append(self.now())
        forward, backward, optimiser = (after - before for before, after in pairwise(times))
        return forward, backward, optimiser

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.batch.residues.mask.device

    def now(self) -> float:
        """Processor seconds; on an accelerator, seconds once it is done with what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            return perf_counter()
        return process_time()

    def forget_peak(self) -> int:
        """Start measuring peak memory anew; the bytes in use now."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        give_back_memory()
        return machine.forget_peak()

    def peak(self) -> int:
        """The most bytes in use since."""
        return torch.cuda.max_memory_allocated() if self.device.type == "cuda" else machine.peak()


def most_bytes_of_tensors(trained: Trained) -> int:
    """Of one more step, every storage followed from its making to its end."""
    with Ledger() as ledger:
        trained.step()
    changes: Counter[int] = Counter()
    for allocation in ledger.allocations:
        changes[allocation.born] += allocation.bytes
        if allocation.died is not None:
            changes[allocation.died] -= allocation.bytes
    return max(accumulate(changes[moment] for moment in sorted(changes)))


def give_back_memory() -> None:
    """Hand freed blocks to the system, so that what is in use next is seen to grow."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)


def random_labels(batch: AF2Batch) -> StructureLabels:
    """A chain that wanders, some of its atoms unknown."""
    aatype = batch.residues.aatype
    n = len(aatype)
    positions: Tensor = torch.cumsum(2.2 * torch.randn(n, 1, 3), 0) + 1.5 * torch.randn(n, 37, 3)
    mask = torch.as_tensor(ATOM37_MASK)[aatype].float() * (torch.rand(n, 37) > 0.03)
    return structure_labels(aatype, positions * mask[..., None], mask, torch.tensor(2.0))


if __name__ == "__main__":
    main()
