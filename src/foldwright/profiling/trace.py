"""A trace of one step, to be looked at in TensorBoard, Perfetto or a browser, with the operations under their names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function

from foldwright.io.atomic import atomic_write
from foldwright.profiling.clock import Clock, timing
from foldwright.profiling.workload import Workload

NAME = "foldwright.pt.trace.json"  # TensorBoard's profiler plugin looks for this ending
QUIET = "99"  # the library behind the profiler would print its own lines
MOST = 25  # operators of torch in the table


def write_trace(workload: Workload, folder: Path) -> list[dict[str, Any]]:
    """Trace one step into `folder`; the operators of torch that took longest."""
    os.environ.setdefault("KINETO_LOG_LEVEL", QUIET)
    activities = [ProfilerActivity.CPU]
    if workload.setting.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    clock = Clock(workload.setting.device)
    with profile(activities=activities, record_shapes=True) as found, timing(workload.model, clock):
        _step(workload)
    with TemporaryDirectory() as scratch, atomic_write(folder / NAME, "wb") as file:
        found.export_chrome_trace(f"{scratch}/{NAME}")
        file.write(Path(scratch, NAME).read_bytes())
    operators = operators_of(found)
    with atomic_write(folder / "operators.json") as file:
        json.dump(operators, file, indent=1)
    return operators


def operators_of(found: profile) -> list[dict[str, Any]]:
    """Calls and own time of the operators that took longest."""
    events = [e for e in found.key_averages() if e.key.startswith("aten::")]
    own = [(max(e.self_cpu_time_total, e.self_device_time_total) / 1e6, e) for e in events]
    longest = sorted(own, key=lambda item: -item[0])[:MOST]
    return [{"operator": e.key, "calls": e.count, "own_s": seconds} for seconds, e in longest]


def _step(workload: Workload) -> None:
    with record_function("forward"):
        output = workload.forward()
    with record_function("losses"):
        _, loss = workload.losses(output)
    with record_function("backward"):
        loss.backward()
    with record_function("optimiser"):
        workload.optimise()
    workload.wait()
