"""Jobs of any molecules from the files people have: told apart, read, and checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.io.complexes.checks import check, safe_job_name
from foldwright.io.complexes.dialects.alphafold3 import read_alphafold3
from foldwright.io.complexes.dialects.boltz import read_boltz
from foldwright.io.complexes.dialects.boltz_fasta import is_boltz_fasta, read_boltz_fasta
from foldwright.io.complexes.dialects.chai import RESTRAINTS, is_chai, read_chai
from foldwright.io.complexes.dialects.plain_fasta import read_plain_fasta
from foldwright.io.complexes.dialects.protenix import is_protenix, read_protenix
from foldwright.io.complexes.dialects.server import DIALECT as SERVER
from foldwright.io.complexes.dialects.server import read_server
from foldwright.io.complexes.draft import Draft
from foldwright.io.complexes.fields import Faults, Field
from foldwright.io.complexes.job import ComplexJobs, RefusedJob
from foldwright.io.complexes.positions import Located, parse_json
from foldwright.io.complexes.yaml_positions import parse_yaml
from foldwright.io.fasta import parse_fasta
from foldwright.io.text import read_lines, stem, suffix

JSON = (".json",)
YAML = (".yaml", ".yml")
FASTA = (".fasta", ".fa", ".faa", ".fas", ".fsa", ".seq")
_KINDS = "AlphaFold 3, AlphaFold Server or Protenix JSON, Boltz YAML or FASTA, Chai FASTA, or plain FASTA"
_OTHERS = {"queries": "OpenFold 3", "components": "RosettaFold 3", "protein_inputs": "RoseTTAFold All-Atom"}


def read_complex_jobs(
    path: str | Path, components: Components | None = None, restraints: str | Path | None = None
) -> ComplexJobs:
    """The jobs of a file, or of every job file of a folder; what is wrong with any stands beside them, all at once.

    components  what codes and names of atoms are looked up in; without them these are not checked
    restraints  Chai's table for the only file; without it the one of the same name beside the file

    Raises InputError if there is no such path, or a folder without a job file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("there is no such file or folder.", file=path, remedy="Check the path.")
    files = _job_files(path) if path.is_dir() else [path]
    jobs = ComplexJobs()
    for file in files:
        jobs += _read_file(file, components, Path(restraints) if restraints else _beside(file))
    return _without_duplicates(jobs)


def _job_files(folder: Path) -> list[Path]:
    kinds = (*JSON, *YAML, *FASTA)
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and suffix(file) in kinds]
    if not files:
        raise InputError("the folder holds no job file.", file=folder, remedy=f"Put {_KINDS} there.")
    return files


def _beside(file: Path) -> Path | None:
    found = file.with_name(stem(file) + RESTRAINTS)
    return found if suffix(file) in FASTA and found.is_file() else None


def _read_file(file: Path, components: Components | None, restraints: Path | None) -> ComplexJobs:
    try:
        drafts = _drafts(file, restraints)
    except InputError as error:
        return ComplexJobs((), (RefusedJob(safe_job_name(stem(file)) or "job", (error,)),))
    jobs = ComplexJobs()
    for draft in drafts:
        check(draft, components)
        job = draft.job()
        name = safe_job_name(draft.name or "") or safe_job_name(stem(file)) or "job"
        jobs += ComplexJobs((job,)) if job else ComplexJobs((), (RefusedJob(name, _in_order(draft)),))
    return jobs


def _in_order(draft: Draft) -> tuple[InputError, ...]:
    """The faults of a job as they stand in its file, those of other files behind them."""
    file = draft.faults.file
    return tuple(sorted(draft.faults.found, key=lambda e: (e.file != file, e.line or 0, e.column or 0)))


def _drafts(file: Path, restraints: Path | None) -> list[Draft]:
    kind = suffix(file)
    if kind == RESTRAINTS:
        remedy = "Give the FASTA file; the table of the same name beside it is read with it."
        raise InputError("restraints are no job.", file=file, remedy=remedy)
    lines = read_lines(file)
    first = next(line for line in lines if line.strip()).lstrip()
    if restraints and not _is_chai(lines):
        remedy = "Bonds are given in the job file itself; contacts and pockets cannot be honoured."
        raise InputError("restraints are read with Chai's FASTA only.", file=restraints, remedy=remedy)
    if kind in YAML:
        return _of_yaml(lines, file)
    if kind in JSON or (kind not in FASTA and first[0] in "[{"):
        return _of_json(lines, file)
    if kind in FASTA or first[0] == ">":
        return _of_fasta(lines, file, restraints)
    raise InputError(f'"{kind or file.name}" is no kind of job file we know.', file=file, remedy=f"Give {_KINDS}.")


def _is_chai(lines: Sequence[str]) -> bool:
    headers = [line for line in lines if line.startswith(">")]
    return bool(headers) and is_chai(parse_fasta(headers[:1]))


def _of_json(lines: Sequence[str], file: Path) -> list[Draft]:
    top = Field(parse_json("\n".join(lines), file), "", Faults(file))
    if isinstance(top.value, tuple):
        items = top.items()
        if not items:
            raise InputError("the list of jobs is empty.", file=file, line=1, remedy="Add a job.")
        _refuse_others(items[0], file)
        return read_protenix(top, file.parent) if is_protenix(top) else read_server(top)
    _refuse_others(top, file)
    if not {"dialect", "sequences", "modelSeeds"} & set(top.names()):
        raise InputError("this is no job: it has no sequences.", file=file, line=1, remedy=f"Give {_KINDS}.")
    if top.member_text("dialect") == SERVER:
        remedy = "Write the brackets of a list around it."
        raise InputError("jobs of AlphaFold Server stand in a list.", file=file, line=1, field="dialect", remedy=remedy)
    return [read_alphafold3(top, file.parent)]


def _of_yaml(lines: Sequence[str], file: Path) -> list[Draft]:
    top = Field(parse_yaml("\n".join(lines) + "\n", file), "", Faults(file))
    _refuse_others(top, file)
    if "sequences" not in top.names():
        raise InputError("this is no job of Boltz: it has no sequences.", file=file, line=1, remedy=f"Give {_KINDS}.")
    return [read_boltz(top, file.parent, safe_job_name(stem(file)))]


def _of_fasta(lines: Sequence[str], file: Path, restraints: Path | None) -> list[Draft]:
    records = parse_fasta(lines, file)
    top = Field(Located(None, 1, 1), "", Faults(file))
    name = safe_job_name(stem(file))
    if is_chai(records):
        table = (restraints, read_lines(restraints)) if restraints else None
        return [read_chai(top, records, lines, name, table)]
    if is_boltz_fasta(records):
        return [read_boltz_fasta(top, records, lines, file.parent, name)]
    return read_plain_fasta(records, lines, top, name)


def _refuse_others(top: Field, file: Path) -> None:
    """Jobs of programs that are known and not read."""
    for name in top.names():
        if name in _OTHERS and "sequences" not in top.names():
            message = f"this is a job of {_OTHERS[name]}, which is not read."
            raise InputError(message, file=file, line=top.located.line, field=name, remedy=f"Give {_KINDS}.")


def _without_duplicates(jobs: ComplexJobs) -> ComplexJobs:
    """Without jobs whose folder would be that of an earlier one; upper and lower case may be one on a disk."""
    kept, failures = {}, list(jobs.failures)
    for job in jobs:
        name = safe_job_name(job.name)
        earlier = kept.setdefault(name.casefold(), job)
        if earlier is not job:
            message = f'the name "{job.name}" is already used on line {earlier.line} of {earlier.source}.'
            remedy = "Give every job its own name; it names the output folder."
            error = InputError(message, file=job.source, line=job.line, field="name", remedy=remedy)
            failures.append(RefusedJob(name, (error,)))
    return ComplexJobs(tuple(kept.values()), tuple(failures))
