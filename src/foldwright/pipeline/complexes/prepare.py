"""Everything that can be wrong with complexes to predict, found before any network is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3.featurise import Prepared, prepare
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


@dataclass(frozen=True)
class ReadJob:
    """A job that can be predicted as far as it alone decides; `components` is what its molecules were looked up in."""

    job: ComplexJob
    seeds: tuple[int, ...]
    prepared: Prepared
    components: Components


def prepare_complexes(inputs: ComplexInputs, options: ComplexOptions, *, out: str | Path | None) -> ComplexPlan:
    """Read and check everything: jobs, molecules, options, weights, the place for results, memory.

    inputs  paths of job files, jobs, or sequences of proteins (chains separated by `:`)

    What is wrong with one job is in the plan's failures. Raises InputError for what concerns all of them, unless some
    have failed already: then the others join these, so that everything is named at once.
    """
    device, config = find_device(options.device), options.config()
    out = None if out is None else writable(Path(out))
    read, failures = read_inputs(inputs, options)
    tasks: list[ComplexTask] = []
    if read:  # without a job it does not matter whether there are weights
        try:
            network = find_network(options.weights, config)
        except InputError as fault:
            read, failures = [], stopping([item.job for item in read], fault, failures)
        for item in read:
            try:
                task = task_of(item, network)
                check_fits(task, device, options)
                tasks.append(task)
            except InputError as error:
                failures.append(failed(item.job, error))
    check_complex_search([task.job for task in tasks], options.evidence)
    return ComplexPlan(tuple(asked(task, options) for task in tasks), options, device, out, tuple(failures))


def read_inputs(inputs: ComplexInputs, options: ComplexOptions) -> tuple[list[ReadJob], list[FailedJob]]:
    """The jobs whose molecules and seeds are in order, and the others.

    Raises:
        InputError: there is no chemical dictionary, and nothing is wrong with the jobs themselves.
    """
    try:
        components = dictionary(options.components)
    except InputError as fault:
        jobs, failures = collect_complexes(inputs, None)
        return [], stopping(jobs, fault, failures) if jobs else failures
    found: list[ReadJob] = []
    jobs, failures = collect_complexes(inputs, components)
    for job in jobs:
        try:
            found.append(ReadJob(job, options.seeds_of(job), prepare(job, components), components))
        except InputError as error:
            failures.append(failed(job, error))
    return found, failures


def stopping(jobs: Sequence[ComplexJob], fault: InputError, failures: Sequence[FailedJob]) -> list[FailedJob]:
    """The failures, first those of single jobs, then the jobs that a fault of the whole request stops.

    Raises:
        InputError: the fault, where nothing else is to be named.
    """
    if not failures:
        raise fault
    return [*failures, *(failed(job, fault) for job in jobs)]


def failed(job: ComplexJob, error: InputError) -> FailedJob:
    """A job that cannot be predicted, under the name of its folder."""
    return FailedJob(job=safe_job_name(job.name), error=error)


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


def collect_complexes(inputs: ComplexInputs, components: Components | None) -> tuple[list[ComplexJob], list[FailedJob]]:
    """The jobs of paths, sequences and jobs; each name once, what cannot be read beside.

    components  what codes and names of atoms are looked up in; without them these are not checked
    """
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


def _jobs_at(item: str | Path | ComplexJob, components: Components | None) -> tuple[list[ComplexJob], list[FailedJob]]:
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
            failures.append(failed(job, error))
    return list(first.values()), failures


def task_of(read: ReadJob, network: ComplexNetwork) -> ComplexTask:
    """A job with everything that was checked about it."""
    return ComplexTask(
        job=replace(read.job, name=safe_job_name(read.job.name)),
        networks=(network,),
        title=read.job.name,
        seeds=read.seeds,
        prepared=read.prepared,
        components=read.components,
    )
