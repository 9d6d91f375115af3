"""Whether a profile of this machine can be believed: every part of it tried once, small."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from foldwright import kernels
from foldwright.profiling.clock import counting
from foldwright.profiling.measure import clocked, measure_stages
from foldwright.profiling.memory import ACTIVATIONS, measure_memory
from foldwright.profiling.peak import measure_peak
from foldwright.profiling.synthetic import Sizes
from foldwright.profiling.trace import write_trace
from foldwright.profiling.workload import Setting, Workload, make_workload
from foldwright.training.recipe import Recipe

SMALL = Sizes(residues=16, sequences=8, extra=8, templates=0, batch=2)
BUSY = 0.75  # load per core beyond which times are not to be trusted


@dataclass(frozen=True)
class Check:
    """One thing that was tried."""

    topic: str
    passed: bool
    text: str
    is_needed: bool = True  # without it there is no profile; otherwise a part is missing


def validate_setup(recipe: Recipe, device: torch.device, out: Path) -> Iterator[Check]:
    """Try everything on the recipe's network with two blocks and few residues."""
    yield tried("device", lambda: _product_is_right(device))
    yield tried("peak", lambda: _peak(device))
    small = make_workload(shortened(recipe), SMALL, Setting(device=device, is_textbook=True))
    yield tried("training step", lambda: _a_step_changes_the_network(small))
    yield tried("formulas", lambda: _formulas_count_what_torch_counts(small))
    yield tried("clock", lambda: _operations_add_up(small))
    yield tried("memory", lambda: _memory_adds_up(small))
    yield tried("kernels", lambda: _kernels_pass(device), is_needed=False)
    yield tried("trace", lambda: _trace(small))
    yield tried("results", lambda: _can_write(out))
    yield _optional("pictures", "matplotlib")
    yield _optional("TensorBoard", "tensorboard")
    yield tried("quiet machine", is_quiet, is_needed=False)


def shortened(recipe: Recipe) -> Recipe:
    """The recipe with two blocks and one of the extra alignment."""
    model = recipe.model
    trunk, extra = replace(model.trunk, num_blocks=2), replace(model.extra_msa, num_blocks=1)
    return replace(recipe, model=replace(model, trunk=trunk, extra_msa=extra), is_checkpointed=False)


def tried(topic: str, run: Callable[[], tuple[bool, str]], is_needed: bool = True) -> Check:
    """A check that fails instead of raising."""
    try:
        return Check(topic, *run(), is_needed)
    except Exception as fault:  # whatever a device or a build of torch may raise is the finding
        return Check(
            topic, False, f"{type(fault).__name__}: {str(fault).splitlines()[0] if str(fault) else ''}", is_needed
        )


def _product_is_right(device: torch.device) -> tuple[bool, str]:
    x = torch.randn(64, 64, device=device)
    error = (x @ x - (x.cpu().double() @ x.cpu().double()).to(x)).abs().max().item()
    return error < 1e-1, f"{device}: a matrix product is off by {error:.0e} at most"  # TF32 allowed


def _peak(device: torch.device) -> tuple[bool, str]:
    peak = measure_peak(device)
    rates = f"{peak.flops_per_s / 1e9:,.0f} GFLOP/s, {peak.bytes_per_s / 1e9:,.0f} GB/s"
    return peak.flops_per_s > 1e8, f"{rates}, {torch.get_num_threads()} threads"


def _a_step_changes_the_network(workload: Workload) -> tuple[bool, str]:
    before = [p.detach().clone() for p in workload.model.parameters()]
    loss = float(workload.step())
    pairs = list(zip(before, workload.model.parameters(), strict=True))
    changed = sum(not torch.equal(old, new) for old, new in pairs)
    is_finite = all(bool(torch.isfinite(new).all()) for _, new in pairs) and loss == loss
    return is_finite and changed > 0, f"loss {loss:.3f}, {changed} of {len(pairs)} parameter tensors changed"


def _formulas_count_what_torch_counts(workload: Workload) -> tuple[bool, str]:
    with counting(workload.model) as counts, FlopCounterMode(display=False) as counter:
        workload.forward()
    ours, theirs = sum(p.flops for _, _, p in counts.products), counter.get_total_flops()
    return abs(ours - theirs) < 1e-3 * theirs, f"{ours / 1e6:,.1f} MFLOP, torch counts {theirs / 1e6:,.1f}"


def _operations_add_up(workload: Workload) -> tuple[bool, str]:
    stages = measure_stages(workload, 3)
    plain = min(sum(s) for s in zip(stages["forward"], stages["losses"], stages["backward"], strict=True))
    watched = min(sum(clocked(workload).values()) for _ in range(3))
    return watched < 2 * plain, f"operations take {1e3 * watched:.0f} ms, the same step unwatched {1e3 * plain:.0f} ms"


def _memory_adds_up(workload: Workload) -> tuple[bool, str]:
    memory = measure_memory(workload)
    left = memory.timeline[-1][1][ACTIVATIONS]
    text = f"{memory.total / 1e6:.1f} MB at the peak, {left} bytes of activations left behind"
    return memory.kept > 0 and left < memory.kept / 10, text


def _kernels_pass(device: torch.device) -> tuple[bool, str]:
    checks = kernels.self_check(device)
    failed = [check.name for check in checks if not check.passed]
    without = f": not {', '.join(failed)}" if failed else ""
    return not failed, f"{len(checks) - len(failed)} of {len(checks)} agree with the textbook{without}"


def _trace(workload: Workload) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        operators = write_trace(workload, Path(folder))
    return bool(operators), f"{len(operators)} operators, longest {operators[0]['operator']}"


def _can_write(out: Path) -> tuple[bool, str]:
    nearest = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK), f"{out} can be written"


def _optional(topic: str, module: str) -> Check:
    is_there = importlib.util.find_spec(module) is not None
    text = f"{module} found" if is_there else f'{module} is missing. Get: pip install "foldwright[train]"'
    return Check(topic, is_there, text, is_needed=False)


def is_quiet() -> tuple[bool, str]:
    """Whether little else runs here, and how much does; this program's own threads are part of it."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return load < BUSY * cores + torch.get_num_threads(), f"load {load:.1f} on {cores} cores"
