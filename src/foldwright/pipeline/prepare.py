"""Everything that can be wrong with a request, found before any network is built."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch

from foldwright.errors import InputError
from foldwright.io.job import Failure, Job, JobList
from foldwright.io.jobs import collect
from foldwright.io.template_files import read_templates, with_templates
from foldwright.pipeline.choose import choose_models, models_asked
from foldwright.pipeline.evidence import check_given
from foldwright.pipeline.features import chain_features
from foldwright.pipeline.fit import check_fits
from foldwright.pipeline.options import Options
from foldwright.pipeline.plan import Network, Plan, Task
from foldwright.pipeline.question import asked, search_digest
from foldwright.pipeline.relaxing import require_openmm
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.sources import find_source, models_found
from foldwright.search.files import read_hits

Inputs = Sequence[str | Path | Job]


def prepare(
    inputs: Inputs,
    options: Options,
    *,
    out: str | Path | None,
    alignments: str | Path | None = None,
    templates: Sequence[str | Path] = (),
    is_run_here: bool = True,
) -> Plan:
    """Read and check everything: jobs, alignments, templates, options, weights, the place for results, memory.

    inputs       paths of job files, jobs, or sequences (chains separated by `:`)
    is_run_here  whether the device and the memory are those of this machine; those of others are looked at there

    What is wrong with one job is in the plan's failures. Raises InputError for what concerns all of them.
    """
    device = find_device(options.device) if is_run_here else kind_of_device(options.device)
    check_given(options.evidence, alignments, templates)
    require_openmm(options)
    out = None if out is None else writable(Path(out))
    found = with_given(with_hits(collect(inputs, alignments), alignments), templates)
    tasks, faults = assign(found, options, bool(templates))
    failures = tuple(FailedJob(job=f.name, error=f.error) for f in (*found.failures, *faults))
    plan = Plan(tuple(with_keys(tasks, options)), options, device, out, failures)
    fits = (check_fits,) if is_run_here else ()
    return checked(plan, *fits, lambda job, *_: chain_features(job))


def with_keys(tasks: Sequence[Task], options: Options) -> list[Task]:
    """The tasks with the digests of their questions.

    Raises:
        InputError: something has to be searched, and a program or a database is missing.
    """
    evidence = options.evidence
    is_searched = any(evidence.searched_sequences(task.job) for task in tasks)
    search = search_digest(evidence.search) if evidence.search and is_searched else ""
    return [asked(task, options, search) for task in tasks]


def with_hits(jobs: JobList, alignments: str | Path | None) -> JobList:
    """Every chain with the template hits that `foldwright search` left beside its alignment."""
    if alignments is None or not Path(alignments).is_dir():
        return jobs
    return replace(jobs, jobs=tuple(_with_hits(job, Path(alignments) / job.name) for job in jobs))


def _with_hits(job: Job, folder: Path) -> Job:
    files = [folder / f"{name}.hits.json" for name in job.chain_ids]
    hits = {chain.sequence: read_hits(file) for file, chain in zip(files, job.chains, strict=True) if file.is_file()}
    return replace(job, chains=tuple(replace(c, template_hits=hits.get(c.sequence, ())) for c in job.chains))


def with_given(jobs: JobList, templates: Sequence[str | Path]) -> JobList:
    """Every job with these structures as templates of the chains that they are for.

    Raises:
        InputError: a file that is missing or no structure.
    """
    given = [item for path in templates for item in read_templates(path)]
    found, failures = [], list(jobs.failures)
    for job in jobs:
        try:
            found.append(with_templates(job, given))
        except InputError as error:
            failures.append(Failure(job.name, error))
    return JobList(tuple(found), tuple(failures))


def assign(jobs: Iterable[Job], options: Options, has_templates: bool) -> tuple[list[Task], list[Failure]]:
    """Which networks run on each job; and the jobs that none suits."""
    asked = models_asked(options)
    chosen: list[tuple[Job, tuple[str, ...]]] = []
    failures: list[Failure] = []
    available = set() if asked else models_found(options.weights)
    for job in jobs:
        try:
            chosen.append((job, choose_models(job, asked, available)))
        except InputError as error:
            failures.append(Failure(job.name, error))
    configs = {
        name: options.config(name) for name in dict.fromkeys([*asked, *(n for _, names in chosen for n in names)])
    }
    if has_templates and configs and not any(config.templates for config in configs.values()):
        raise InputError(
            f"{', '.join(configs)} reads no templates.",
            field="--templates",
            remedy="Add a model that does (model_1_ptm, model_2_ptm or a multimer), or leave --templates out.",
        )
    networks = {name: Network(name, c, find_source(options.weights, c, name)) for name, c in configs.items()}
    return [Task(job, tuple(networks[name] for name in names)) for job, names in chosen], failures


def checked(plan: Plan, *checks: Callable[[Job, Network, Plan], object]) -> Plan:
    """The plan without the jobs that a check refuses, which join its failures."""
    tasks: list[Task] = []
    failures = list(plan.failures)
    for task in plan.tasks:
        try:
            for check, network in product(checks, task.networks):
                check(task.job, network, plan)
            tasks.append(task)
        except InputError as error:
            failures.append(FailedJob(job=task.job.name, error=error))
    return replace(plan, tasks=tuple(tasks), failures=tuple(failures))


def find_device(name: str) -> torch.device:
    """The device to run on; `auto` is a GPU if there is one.

    Raises:
        InputError: no such device here.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]
    if name not in known:
        raise InputError(f'there is no device "{name}".', field="--device", remedy=f"Here are {', '.join(known)}.")
    return torch.device("cuda:0" if name == "cuda" else name)


def kind_of_device(name: str) -> torch.device:
    """The device of machines not known yet; `auto` is settled once they are.

    Raises:
        InputError: the name is not of a kind.
    """
    kinds = ("auto", "cpu", "cuda")
    if name not in kinds:
        raise InputError(
            f'"{name}" is no kind of device.', field="--device", remedy=f"On a cluster, use {', '.join(kinds)}."
        )
    return torch.device("cuda" if name == "cuda" else "cpu")


def writable(folder: Path) -> Path:
    """The folder, made if it is not there.

    Raises:
        InputError: it cannot be made, or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(
            f"results cannot be written there: {error.strerror}.",
            file=folder,
            field="--out",
            remedy="Choose a folder that you may write to.",
        ) from None
    return folder
