"""Everything that can be wrong with complexes to predict, found before any network is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3.featurise import prepare
from foldwright.io.a3m import write_a3m
from foldwright.io.complexes.checks import safe_job_name
from foldwright.io.complexes.dialects.parts import DEFAULT_SEED
from foldwright.io.complexes.job import ComplexJob, Protein
from foldwright.io.complexes.jobs import read_complex_jobs
from foldwright.io.job import ChainInput, Job, chain_id
from foldwright.io.jobs import collect, is_sequence
from foldwright.io.text import suffix
from foldwright.models.af3.config import AF3
from foldwright.pipeline.complexes.fit import check_fits
from foldwright.pipeline.complexes.options import MODEL, ComplexOptions
from foldwright.pipeline.complexes.plan import ComplexNetwork, ComplexPlan, ComplexTask
from foldwright.pipeline.complexes.question import asked
from foldwright.pipeline.complexes.searching import check_complex_search
from foldwright.pipeline.prepare import find_device, writable
from foldwright.pipeline.results import FailedJob
from foldwright.weights.af3_store import is_rule, load_af3_weights
from foldwright.weights.store import describe_rule

ALIGNMENTS_AND_TABLES = (".a3m", ".sto", ".csv", ".tsv")  # which AlphaFold 2 reads, too
ComplexInputs = Sequence[str | Path | ComplexJob]


def prepare_complexes(inputs: ComplexInputs, options: ComplexOptions, *, out: str | Path | None) -> ComplexPlan:
    """Read and check everything: jobs, molecules, options, weights, the place for results, memory.

    inputs  paths of job files, jobs, or sequences of proteins (chains separated by `:`)

    What is wrong with one job is in the plan's failures. Raises InputError for what concerns all of them.
    """
    device = find_device(options.device)
    out = None if out is None else writable(Path(out))
    components = dictionary(options.components)
    config = options.config()
    jobs, failures = collect_complexes(inputs, components)
    network = find_network(options.weights, config)
    tasks: list[ComplexTask] = []
    for job in jobs:
        try:
            task = task_of(job, network, components, options)
            check_fits(task, device, options)
            tasks.append(task)
        except InputError as error:
            failures.append(FailedJob(job=safe_job_name(job.name), error=error))
    check_complex_search([task.job for task in tasks], options.evidence)
    return ComplexPlan(tuple(asked(task, options) for task in tasks), options, device, out, tuple(failures))


def dictionary(path: Path | None) -> Components:
    """The components of a file, or the bundled ones.

    Raises:
        InputError: the file is none, or the library that brings the bundled ones is not installed.
    """
    return Components.bundled() if path is None else Components.read(path)


def find_network(asked: str | None, config: AF3) -> ComplexNetwork:
    """The network, its parameters read and checked; generated ones are only made when they are needed.

    Raises:
        InputError: not found, damaged, or of another network.
    """
    info = describe_rule(str(asked), MODEL) if is_rule(asked) else load_af3_weights(asked, config)[1]
    return ComplexNetwork(config, asked, info)


def collect_complexes(inputs: ComplexInputs, components: Components) -> tuple[list[ComplexJob], list[FailedJob]]:
    """The jobs of paths, sequences and jobs; each name once, what cannot be read beside."""
    found: list[ComplexJob] = []
    failures: list[FailedJob] = []
    for item in inputs:
        try:
            jobs, faults = _jobs_at(item, components)
        except InputError as error:
            jobs, faults = [], [FailedJob(job=safe_job_name(Path(str(item)).stem) or "input", error=error)]
        found += jobs
        failures += faults
    return refusing_duplicates(found, failures)


def _jobs_at(item: str | Path | ComplexJob, components: Components) -> tuple[list[ComplexJob], list[FailedJob]]:
    if isinstance(item, ComplexJob):
        return [item], []
    if isinstance(item, str) and is_sequence(item):
        return [protein_job(item)], []
    if suffix(Path(item)) in ALIGNMENTS_AND_TABLES:
        found = collect([item])
        return [complex_of(job) for job in found], [FailedJob(job=f.name, error=f.error) for f in found.failures]
    read = read_complex_jobs(item, components)
    return list(read.jobs), [FailedJob(job=failure.name, error=failure.error) for failure in read.failures]


def protein_job(sequence: str, name: str = "query") -> ComplexJob:
    """A job from letters alone; chains are separated by `:`."""
    parts = dict.fromkeys(part.upper() for part in sequence.split(":"))
    ids = {part: tuple(chain_id(i) for i, p in enumerate(sequence.upper().split(":")) if p == part) for part in parts}
    return ComplexJob(name, tuple(Protein(ids[part], part) for part in parts), (DEFAULT_SEED,))


def complex_of(job: Job) -> ComplexJob:
    """The proteins of a job with the alignments it brings; equal chains are copies of one."""
    copies: dict[ChainInput, list[str]] = {}
    for name, chain in zip(job.chain_ids, job.chains, strict=True):
        copies.setdefault(chain, []).append(name)
    proteins = (_protein(tuple(ids), chain) for chain, ids in copies.items())
    return ComplexJob(job.name, tuple(proteins), (DEFAULT_SEED,), source=job.source, line=job.line)


def _protein(ids: tuple[str, ...], chain: ChainInput) -> Protein:
    rows, pairs = (None if a is None else write_a3m(a) for a in (chain.alignment, chain.paired))
    if rows is None and pairs is None:
        return Protein(ids, chain.sequence)
    return Protein(ids, chain.sequence, unpaired_msa=rows or "", paired_msa=pairs or "")


def refusing_duplicates(
    jobs: Sequence[ComplexJob], failures: list[FailedJob]
) -> tuple[list[ComplexJob], list[FailedJob]]:
    """Without jobs whose files would have the name of an earlier job's; upper and lower case are one."""
    first: dict[str, ComplexJob] = {}
    for job in jobs:
        name = safe_job_name(job.name)
        earlier = first.setdefault(name.casefold(), job)
        if earlier is not job:
            where = "" if earlier.source in (None, job.source) else f" of {earlier.source}"
            error = InputError(
                f'the name "{name}" is already used{where}.',
                file=job.source,
                line=job.line,
                remedy="Give every job its own name; it names the output folder.",
            )
            failures.append(FailedJob(job=name, error=error))
    return list(first.values()), failures


def task_of(job: ComplexJob, network: ComplexNetwork, components: Components, options: ComplexOptions) -> ComplexTask:
    """A job with everything that was checked about it.

    Raises:
        InputError: a molecule that is not known, or seeds that cannot be.
    """
    return ComplexTask(
        job=replace(job, name=safe_job_name(job.name)),
        networks=(network,),
        title=job.name,
        seeds=options.seeds_of(job),
        prepared=prepare(job, components),
        components=components,
    )
