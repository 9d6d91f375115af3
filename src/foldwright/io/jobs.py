"""Jobs from the files people have: FASTA, CSV, A3M, or a folder of them; all is checked here, before any work."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.fasta import RESIDUE_LETTERS, Record, check_sequence, parse_fasta
from foldwright.io.job import ChainInput, Failure, Job, JobList, safe_name
from foldwright.io.job_alignments import SUFFIXES, Finder, Found, attach, read_chains, role_of
from foldwright.io.text import read_lines, stem, suffix

__all__ = ["ChainInput", "Failure", "Job", "JobList", "collect", "is_sequence", "read_jobs", "sequence_job"]

LONGEST_WORD = 24  # small letters that may be the name of a file that is not there
_FASTA = (".fasta", ".fa", ".faa", ".fas", ".fsa", ".seq")
_TABLES = (".csv", ".tsv")
_KINDS = "FASTA (.fasta, .fa), A3M (.a3m), Stockholm (.sto) or CSV with the columns id,sequence (.csv)"


def read_jobs(path: str | Path, alignments: str | Path | None = None) -> JobList:
    """The jobs a file or a folder asks for, and the records that cannot run with the reason.

    path        FASTA (one job a record; `SEQ:SEQ` is a complex), CSV (`id,sequence`), A3M or Stockholm (one job a file,
                the first row is the query; ColabFold's header for complexes), or a folder of such files
    alignments  a file for the only job, or a folder with `name.a3m`, or `name_A.a3m` for chain A, or a folder `name/`
                for each job; without it such files beside a FASTA or CSV file are used

    Raises InputError if nothing at all can be read; a fault of one record or one file is a `Failure` instead.
    """
    path = Path(path)
    jobs = (_read_folder(path) if path.is_dir() else _read_file(path)).refusing_duplicates()
    if alignments is not None:
        return _with_alignments(jobs, Path(alignments))
    beside = Finder(path if path.is_dir() else path.parent, jobs)
    return _attach_all(jobs, lambda job: [] if any(chain.alignment for chain in job.chains) else beside.find(job))


def collect(inputs: Iterable[str | Path | Job], alignments: str | Path | None = None) -> JobList:
    """The jobs of paths, sequences (chains separated by `:`) and jobs; each name once, what cannot be read beside."""
    jobs = JobList()
    for item in inputs:
        try:
            jobs += JobList((item,)) if isinstance(item, Job) else _jobs_at(item, alignments)
        except InputError as error:
            name = safe_name(stem(Path(item))) if not isinstance(item, Job) else item.name
            jobs += JobList((), (Failure(name or "input", error),))
    return jobs.refusing_duplicates()


def is_sequence(text: str) -> bool:
    """Whether this is a sequence, not a path: letters and colons, capitals or too long for a word, no such file."""
    letters = text.replace(":", "")
    return letters.isalpha() and (letters.isupper() or len(letters) > LONGEST_WORD) and not Path(text).exists()


def sequence_job(sequence: str, name: str = "query") -> Job:
    """A job from letters alone; chains are separated by `:`."""
    return _job(Record(name, name, "".join(sequence.split()), 1), [], None)


def _jobs_at(item: str | Path, alignments: str | Path | None) -> JobList:
    if isinstance(item, str) and is_sequence(item):
        return JobList((sequence_job(item),))
    return read_jobs(item, alignments)


def _read_file(path: Path) -> JobList:
    kind = suffix(path)
    if kind in SUFFIXES:
        return JobList((_alignment_job(path),))
    lines = read_lines(path)
    if kind in _TABLES:
        return _jobs_of(_table_records(lines, path), [], path)
    if kind in _FASTA or lines[0].startswith(">"):
        jobs = _jobs_of(parse_fasta(lines, path), lines, path)
        return _named_as_file(jobs, path)
    raise InputError(f'"{kind or path.name}" is no kind of input we know.', file=path, remedy=f"Give {_KINDS}.")


def _read_folder(folder: Path) -> JobList:
    """Every file of the folder; an alignment that bears the name of a FASTA or CSV record belongs to that one."""
    files = [file for file in sorted(folder.iterdir()) if not file.name.startswith(".") and file.is_file()]
    listed = _all(_read_file, [file for file in files if suffix(file) in _FASTA + _TABLES])
    finder = Finder(folder, listed)
    taken = {file for job in listed for found in finder.find(job) for file in found.files}
    faulty = {failure.name for failure in listed.failures}  # their alignments do not make up for them
    alignments = [file for file in files if suffix(file) in SUFFIXES and role_of(file) == "alignment"]
    alone = [file for file in alignments if file not in taken]
    jobs = listed + _all(_read_file, [file for file in alone if safe_name(stem(file)) not in faulty])
    if not jobs.jobs and not jobs.failures:
        raise InputError("the folder holds no input.", file=folder, remedy=f"Put {_KINDS} there.")
    return jobs


def _all(read: Callable[[Path], JobList], files: Iterable[Path]) -> JobList:
    jobs = JobList()
    for file in files:
        try:
            jobs += read(file)
        except InputError as error:
            jobs += JobList((), (Failure(safe_name(stem(file)), error),))
    return jobs


def _jobs_of(records: Iterable[Record], lines: Sequence[str], path: Path) -> JobList:
    jobs, failures = [], []
    for record in records:
        try:
            jobs.append(_job(record, lines, path))
        except InputError as error:
            failures.append(Failure(safe_name(record.name) or f"line_{record.line}", error))
    return JobList(tuple(jobs), tuple(failures))


def _job(record: Record, lines: Sequence[str], path: Path | None) -> Job:
    name = safe_name(record.name)
    if not name:
        remedy = "Give every record a name of letters and digits; it names the output folder."
        raise InputError("the record has no name.", file=path, line=record.line, field="id", remedy=remedy)
    sequences = record.sequence.split(":")
    if len(sequences) > 1 and not all(sequences):
        message = f'record "{record.name}" has an empty chain: a colon at an end, or two together.'
        remedy = "Put one colon between two chains."
        raise InputError(message, file=path, line=record.line, field="sequence", remedy=remedy)
    for sequence in sequences:
        check_sequence(sequence, record, lines, path)
    return Job(name, tuple(map(ChainInput, sequences)), path, record.line)


def _table_records(lines: Sequence[str], path: Path) -> list[Record]:
    delimiter = next((mark for mark in "\t;" if mark in lines[0]), ",")
    rows = csv.reader(lines, delimiter=delimiter)
    columns = [title.strip().lower() for title in next(rows)]
    missing = [title for title in ("id", "sequence") if title not in columns]
    if missing:
        remedy = "The first line must name the columns: id,sequence."
        raise InputError(f"no column {missing[0]}.", file=path, line=1, field=missing[0], remedy=remedy)
    records = []
    for row in rows:
        cells = dict(zip(columns, map(str.strip, row), strict=False))
        if any(cells.values()):
            sequence = "".join(cells.get("sequence", "").split())
            records.append(Record(cells.get("id", ""), cells.get("id", ""), sequence, rows.line_num))
    if not records:
        raise InputError("the table has no rows.", file=path, line=1, remedy="Add a line id,sequence for each job.")
    return records


def _named_as_file(jobs: JobList, path: Path) -> JobList:
    """The only record of a file may leave out its name: the file has one."""
    if jobs.jobs or len(jobs.failures) != 1 or jobs.failures[0].error.field != "id":
        return jobs
    lines = read_lines(path)
    (record,) = parse_fasta(lines, path)
    return _jobs_of([replace(record, name=stem(path))], lines, path)


def _alignment_job(path: Path) -> Job:
    chains = read_chains(path)
    query = "".join(chain.sequence for chain in chains)
    if not RESIDUE_LETTERS.issuperset(query):
        lines = read_lines(path) if suffix(path) == ".a3m" else []
        record = parse_fasta(lines, path)[0] if lines else Record("query", "", query, 1)
        check_sequence(record.sequence, record, lines, path)
    return Job(safe_name(stem(path)), chains, path, 1)


def _with_alignments(jobs: JobList, source: Path) -> JobList:
    """The jobs with alignments from the place the person named."""
    if source.is_dir():
        finder = Finder(source, jobs, subfolders=True)
        if jobs.jobs and not any(map(finder.find, jobs)):
            remedy = f'Expected for example "{jobs[0].name}.a3m".'
            raise InputError("no file in this folder bears the name of a job.", file=source, remedy=remedy)
        return _attach_all(jobs, finder.find)
    if len(jobs) + len(jobs.failures) > 1:
        remedy = "Give a folder with name.a3m for each of them."
        raise InputError("one alignment cannot serve several jobs.", file=source, remedy=remedy)
    return _attach_all(jobs, lambda job: [Found(None, [source])])


def _attach_all(jobs: JobList, find: Callable[[Job], list[Found]]) -> JobList:
    attached, failures = [], list(jobs.failures)
    for job in jobs:
        try:
            attached.append(attach(job, find(job)))
        except InputError as error:
            failures.append(Failure(job.name, error))
    return JobList(tuple(attached), tuple(failures))
