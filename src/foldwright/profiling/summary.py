"""A profile as one JSON record and as tables to read."""

from __future__ import annotations

import json
import os
import platform
import resource
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.table import Table

import foldwright
from foldwright.io.atomic import atomic_write
from foldwright.profiling.measure import Operation, Profile
from foldwright.profiling.memory import KINDS
from foldwright.profiling.workload import STAGES, Workload

FILE = "performance_summary.json"
FORMAT = "foldwright-profile-1"


def summary(workload: Workload, profile: Profile) -> dict[str, Any]:
    """Everything that was measured, and of what."""
    return {
        "format": FORMAT,
        "foldwright": foldwright.__version__,
        "machine": machine(workload.setting.device),
        "configuration": configuration(workload),
        "peak": {**asdict(profile.peak), "ridge_flops_per_byte": profile.peak.ridge},
        "samples_per_s": profile.samples_per_s,
        "step_s": profile.step_s,
        "stages": {stage: _spread(seconds) for stage, seconds in profile.stages.items()},
        "flops_per_step": profile.flops,
        "flops_per_s": profile.flops / profile.step_s,
        "fraction_of_peak": profile.fraction_of_peak,
        "memory_bytes": _memory(profile),
        "operations": [_operation(profile, operation) for operation in profile.operations],
    }


def write_summary(path: Path, record: dict[str, Any]) -> None:
    """The record as JSON, whole or not at all."""
    with atomic_write(path) as file:
        json.dump(record, file, indent=1, allow_nan=False)
        file.write("\n")


def machine(device: torch.device) -> dict[str, Any]:
    """What it ran on."""
    return {
        "device": str(device),
        "name": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


def processor() -> str:
    """The model of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def configuration(workload: Workload) -> dict[str, Any]:
    """What was run."""
    recipe = workload.recipe
    parameters = sum(p.numel() for p in workload.model.parameters())
    kinds = dict.fromkeys(type(layer).__name__ for layer in workload.model.modules())
    return {
        "recipe": recipe.name,
        "variant": recipe.variant,
        **asdict(workload.sizes),
        "blocks": recipe.model.trunk.num_blocks,
        "c_m": recipe.model.trunk.c_m,
        "c_z": recipe.model.trunk.c_z,
        "parameters": parameters,
        "kernels": "textbook" if workload.setting.is_textbook else "installed",
        "layers": sorted(kinds),
        "network": asdict(recipe.model),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {"median_s": median(seconds), "least_s": min(seconds), "most_s": max(seconds)}


def _memory(profile: Profile) -> dict[str, Any]:
    memory = profile.memory
    return {
        "peak": memory.total,
        "stage_of_peak": memory.stage,
        "at_peak": memory.peak,
        "activations_kept_for_backward": memory.kept,
        "peak_of_stage": memory.by_stage,
        "peak_of_device_allocator": memory.device_peak,
        "peak_of_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # Linux counts in KiB
    }


def _operation(profile: Profile, operation: Operation) -> dict[str, Any]:
    seconds = operation.seconds
    return {
        **asdict(operation),
        "seconds": seconds,
        "flops": operation.flops,
        "share_of_time": profile.time_share(operation),
        "share_predicted": profile.predicted_share(operation),
        "flops_per_s": operation.flops_per_s,
        "flops_per_byte": operation.flops_per_byte,
        "fraction_of_peak": operation.flops_per_s / profile.peak.flops_per_s,
        "fraction_of_attainable": operation.attainable_s / seconds if seconds else 0.0,
    }


def tables(profile: Profile) -> Iterator[tuple[str, Table]]:
    """Stages, operations and memory, for a terminal, each with its title."""
    yield "Time of a step", _stage_table(profile)
    yield "Operations of forward and backward pass", _operation_table(profile)
    yield f"Memory at its peak, in the {profile.memory.stage}", _memory_table(profile)


def _stage_table(profile: Profile) -> Table:
    table = _table("stage", "median", "least", "most", "share")
    for stage in STAGES:
        spread = _spread(profile.stages[stage])
        share = spread["median_s"] / sum(median(seconds) for seconds in profile.stages.values())
        table.add_row(stage, *(duration(x) for x in spread.values()), percent(share))
    return table


def _operation_table(profile: Profile) -> Table:
    head = ("operation", "forward", "backward", "time", "formulas", "GFLOP", "GFLOP/s", "of peak", "of attainable")
    table = _table(*head)
    for operation in profile.operations:
        reached = operation.flops_per_s
        table.add_row(
            operation.name,
            duration(operation.forward_s),
            duration(operation.backward_s),
            percent(profile.time_share(operation)),
            *(
                (percent(profile.predicted_share(operation)), f"{operation.flops / 1e9:.2f}", f"{reached / 1e9:.1f}")
                if operation.flops
                else ("-", "-", "-")
            ),
            *(
                (percent(reached / profile.peak.flops_per_s), percent(operation.attainable_s / operation.seconds))
                if operation.flops and operation.seconds
                else ("-", "-")
            ),
        )
    return table


def _memory_table(profile: Profile) -> Table:
    memory = profile.memory
    table = _table("what", "bytes", "share")
    for kind in KINDS:
        table.add_row(kind, megabytes(memory.peak[kind]), percent(memory.peak[kind] / memory.total))
    table.add_row("all", megabytes(memory.total), "")
    return table


def headline(workload: Workload, profile: Profile) -> str:
    """The few numbers most asked for."""
    sizes, trunk = workload.sizes, workload.recipe.model.trunk
    passes = "1 pass" if sizes.passes == 1 else f"{sizes.passes} passes"
    return (
        f"{workload.recipe.name}  {sizes.batch} x {sizes.residues} residues · {sizes.sequences} + {sizes.extra} rows · "
        f"{trunk.num_blocks} blocks · {passes}\n"
        f"  {duration(profile.step_s)} a step · {profile.samples_per_s:.2f} samples/s · "
        f"{profile.flops / profile.step_s / 1e9:.1f} of {profile.peak.flops_per_s / 1e9:.0f} GFLOP/s "
        f"({percent(profile.fraction_of_peak)}) · peak memory {megabytes(profile.memory.total)}"
    )


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def duration(seconds: float) -> str:
    return f"{1e3 * seconds:,.1f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
