"""What a sample of a complex answers, as a digest: the same question need not be answered twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from foldwright.io.complexes.job import ComplexJob
from foldwright.pipeline.complexes.options import ComplexOptions
from foldwright.pipeline.complexes.plan import ComplexTask
from foldwright.pipeline.complexes.results import sample_name
from foldwright.pipeline.complexes.searching import filters_of, question_of, searches
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.question import search_digest
from foldwright.pipeline.records import digest
from foldwright.version import __version__

WHERE = ("name", "source", "line", "seeds")  # of a job: what decides no sample


def asked(task: ComplexTask, options: ComplexOptions) -> ComplexTask:
    """The task with the digest of every sample that it asks for, by the sample's name.

    Raises:
        InputError: something has to be searched, and a program or a database is missing.
    """
    question = {
        "input": job_values(task.job),
        "evidence": evidence_values(task.job, options.evidence),
        "components": [task.components.source, str(task.components.date)],
        "config": deciding(task),
        "weights": task.network.info.sha256,
        "precision": options.precision,
        "foldwright": __version__,
    }
    common = digest(question)
    pairs = [(seed, sample) for seed in task.seeds for sample in task.samples]
    return replace(task, keys={sample_name(*pair): digest([common, *pair]) for pair in pairs})


def evidence_values(job: ComplexJob, evidence: Evidence) -> dict[str, Any]:
    """The choices that matter for this job; what would be searched stands for what is found, not known yet."""
    questions = {question[0] for entity in job.entities if (question := question_of(entity, evidence))}
    chosen: dict[str, Any] = {"msa": evidence.msa, "templates": evidence.templates, "pairing": evidence.pairing}
    if questions:
        chosen["search"] = [search_digest(options) for kind, options in searches(evidence).items() if kind in questions]
        chosen |= {"filters": filters_of(evidence), "structures": evidence.structures_folder}
    return chosen


def job_values(job: ComplexJob) -> dict[str, Any]:
    """Everything that a job gives; what it is called and where it was read from plays no part."""
    return {name: value for name, value in asdict(job).items() if name not in WHERE}


def deciding(task: ComplexTask) -> Mapping[str, Any]:
    """The network's numbers, less how many samples are made: each is drawn on its own."""
    config = asdict(task.network.config)
    config["sampling"] = {name: value for name, value in config["sampling"].items() if name != "num_samples"}
    return config
