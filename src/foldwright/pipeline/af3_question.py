"""What a sample of a complex answers, as a digest: the same question need not be answered twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from foldwright import __version__
from foldwright.io.complex_job import ComplexJob
from foldwright.pipeline.af3_options import ComplexOptions
from foldwright.pipeline.af3_plan import ComplexTask
from foldwright.pipeline.af3_results import sample_name
from foldwright.pipeline.records import digest

WHERE = ("name", "source", "line", "seeds")  # of a job: what decides no sample


def asked(task: ComplexTask, options: ComplexOptions, search: Any) -> ComplexTask:
    """The task with the digest of every sample that it asks for, by the sample's name.

    search  what would be searched for what the job does not bring; what is found is not known yet
    """
    question = {
        "input": job_values(task.job),
        "search": search,
        "components": [task.components.source, str(task.components.date)],
        "config": deciding(task),
        "weights": task.network.info.sha256,
        "precision": options.precision,
        "conformer_seconds": options.conformer_seconds,
        "foldwright": __version__,
    }
    common = digest(question)
    pairs = [(seed, sample) for seed in task.seeds for sample in task.samples]
    return replace(task, keys={sample_name(*pair): digest([common, *pair]) for pair in pairs})


def job_values(job: ComplexJob) -> dict[str, Any]:
    """Everything that a job gives; what it is called and where it was read from plays no part."""
    return {name: value for name, value in asdict(job).items() if name not in WHERE}


def deciding(task: ComplexTask) -> Mapping[str, Any]:
    """The network's numbers, less how many samples are made: each is drawn on its own."""
    config = asdict(task.network.config)
    config["sampling"] = {name: value for name, value in config["sampling"].items() if name != "num_samples"}
    return config
