"""`--estimate-memory`: what every job would need, with no weights at hand and nothing begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.io.jobs import collect
from foldwright.pipeline.choose import choose_models, group_for, models_asked
from foldwright.pipeline.fit import load_of
from foldwright.pipeline.memory import available_bytes, gigabytes
from foldwright.pipeline.options import GROUPS, Options
from foldwright.pipeline.prepare import Inputs, find_device, with_given
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.sources import models_found


def estimates(
    inputs: Inputs, options: Options, alignments: str | Path | None = None, templates: Sequence[str | Path] = ()
) -> Iterator[str | FailedJob]:
    """A line for each job and model with the estimated peak and what is free; a failure for a job that is not read."""
    device = find_device(options.device)
    jobs = with_given(collect(inputs, alignments), templates)
    yield from (FailedJob(job=failure.name, error=failure.error) for failure in jobs.failures)
    free = min(available_bytes(device), options.memory_limit or available_bytes(device))
    for job in jobs:
        for model in models_of(job, options):
            load = load_of(job, options.config(model), device, options.precision)
            needed = load.peak_bytes(job.num_residues)
            fits = "fits" if needed <= free else f"too large: {load.largest_fitting(free, job.num_residues)} would fit"
            size = f"{gigabytes(needed)} of {gigabytes(free)} free"
            yield f"{job.name} {job.num_residues} residues {model} {size}: {fits}"


def models_of(job: Job, options: Options) -> tuple[str, ...]:
    """The models that would be run; those of the whole group where no weights are found yet."""
    if asked := models_asked(options):
        return asked
    try:
        return choose_models(job, (), models_found(options.weights))
    except InputError:
        return GROUPS[group_for(job)]
