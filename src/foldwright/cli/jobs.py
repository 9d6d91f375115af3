"""`foldwright jobs`: the jobs of a results folder and how each stands; job files checked and converted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option
from typer.core import TyperGroup

if TYPE_CHECKING:
    from foldwright.chem.components import Components
    from foldwright.errors import InputError
    from foldwright.io.complexes.job import ComplexJob, ComplexJobs
    from foldwright.pipeline.states import JobState

COLOURS = {
    "done": "green",
    "failed": "red",
    "interrupted": "yellow",
    "searching": "cyan",
    "predicting": "cyan",
    "relaxing": "cyan",
}


class JobsGroup(TyperGroup):
    """`foldwright jobs FOLDER` shows that folder, as `jobs show FOLDER` does."""

    def parse_args(self, ctx, args):
        is_named = bool(args) and args[0] in (*self.commands, "--help", "-h")
        return super().parse_args(ctx, args if is_named else ["show", *args])

    def get_command(self, ctx, cmd_name):
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, "show")


app = typer.Typer(
    cls=JobsGroup,
    help="The jobs of a results folder (`jobs FOLDER` shows them), and job files: check, convert.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)

CCD = Option(help="Components to look codes up in: mmCIF, BinaryCIF or JSON. Default: those that come with biotite.")
RESTRAINTS = Option(help="Chai's table of restraints. Default: the one of the same name beside the FASTA file.")


@app.command()
def show(
    folder: Annotated[
        Path, Argument(metavar="FOLDER", help="The folder that was --out of `foldwright predict`.")
    ] = Path("runs"),
    state: Annotated[
        list[str] | None,
        Option(help="Show only jobs that are waiting, searching, predicting, relaxing, done, failed or interrupted."),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """Show the jobs of a run: waiting, searching, predicting, relaxing, done, failed and why, or interrupted.

    A job is interrupted when nothing works on it any more and it is not done; the same `foldwright predict` command
    goes on with it, and tries failed ones again.
    """
    from foldwright.errors import InputError
    from foldwright.pipeline.records import to_json
    from foldwright.pipeline.states import STATES, Manifest

    for word in state or ():
        if word not in STATES:
            raise InputError(f'there is no state "{word}".', field="--state", remedy=f"Use {', '.join(STATES)}.")
    found = [job for job in Manifest(folder).states() if not state or job.state in state]
    if as_json:
        print(to_json([record(job) for job in found]), end="")
    else:
        print_table(found)


def record(job: JobState) -> dict:
    """A job as JSON has it."""
    values = asdict(job)
    return {**values.pop("entry"), **values}


def print_table(found: Sequence[JobState]) -> None:
    """The jobs, and below them how many stand how."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("job", "residues", "chains", "state", "result", box=None, pad_edge=False, header_style="bold")
    for job in found:
        entry, colour = job.entry, COLOURS.get(job.state, "default")
        result = job.why if job.score is None else f"{job.ranked_by} {job.score:.4g} · {job.best}"
        table.add_row(
            entry.name,
            f"{entry.residues:,}" if entry.residues else "-",
            str(entry.chains or "-"),
            f"[{colour}]{job.state}[/]",
            escape(result),
        )
    console = Console(highlight=False)
    console.print(table)
    counts = Counter(job.state for job in found)
    console.print(", ".join(f"{count} {name}" for name, count in counts.items()) or "no jobs", style="bold")


@app.command()
def check(
    files: Annotated[list[Path], Argument(metavar="FILE...", help="Job files of AlphaFold 3 and others, or folders.")],
    ccd: Annotated[Path | None, CCD] = None,
    restraints: Annotated[Path | None, RESTRAINTS] = None,
    as_json: Annotated[bool, Option("--json", help="Print a JSON list of jobs instead.")] = False,
) -> None:
    """Check job files of complexes and show every fault with its line and column, before anything expensive.

    Read are the JSON of AlphaFold 3, AlphaFold Server and Protenix, the YAML and FASTA of Boltz, the FASTA of Chai
    with its restraints, and plain FASTA. Ends with 2 if anything is wrong.
    """
    from foldwright.pipeline.records import to_json

    components = components_of(ccd)
    found = [read_all(file, components, restraints) for file in files]
    if as_json:
        print(to_json([row for jobs in found for row in rows(jobs)]), end="")
    else:
        for jobs in found:
            print_checked(jobs)
    leave_if_wrong(found)


@app.command()
def convert(
    file: Annotated[Path, Argument(metavar="FILE", help="A job file that `foldwright jobs check` takes, or a folder.")],
    out: Annotated[Path, Option(help="The JSON file; for several jobs a folder, in which each is NAME.json.")],
    ccd: Annotated[Path | None, CCD] = None,
    restraints: Annotated[Path | None, RESTRAINTS] = None,
) -> None:
    """Write jobs as AlphaFold 3's JSON, version 4, with alignments and templates inside it.

    A job with a fault is not written and the command ends with 2; the others are.
    """
    from foldwright.errors import InputError
    from foldwright.io.atomic import atomic_write
    from foldwright.io.complexes.checks import safe_job_name
    from foldwright.io.complexes.writer import alphafold3_json

    jobs = read_all(file, components_of(ccd), restraints)
    is_file = out.suffix == ".json"
    if is_file and len(jobs) + len(jobs.failures) > 1:
        remedy = "Name a folder."
        raise InputError("several jobs do not fit into one file of AlphaFold 3.", field="--out", remedy=remedy)
    for job in jobs:
        target = out if is_file else out / f"{safe_job_name(job.name)}.json"
        if job.source and target.exists() and target.samefile(job.source):
            raise InputError("this would overwrite the job file.", file=target, field="--out", remedy="Name another.")
        with atomic_write(target) as written:
            written.write(alphafold3_json(job))
        print(f"{target}: {summary(job)}")
    print_faults(jobs)
    leave_if_wrong([jobs])


def components_of(ccd: Path | None) -> Components:
    """The components of a file, else those that come with biotite."""
    from foldwright.chem.components import Components

    return Components.read(ccd) if ccd else Components.bundled()


def read_all(path: Path, components: Components, restraints: Path | None) -> ComplexJobs:
    """The jobs of a path; one that cannot be read at all is a fault like any other."""
    from foldwright.errors import InputError
    from foldwright.io.complexes.job import ComplexJobs, RefusedJob
    from foldwright.io.complexes.jobs import read_complex_jobs

    try:
        return read_complex_jobs(path, components, restraints)
    except InputError as error:
        return ComplexJobs((), (RefusedJob(path.stem, (error,)),))


def summary(job: ComplexJob) -> str:
    """What a job holds, in few words: "2 protein, 1 ligand chains; seeds 1, 2"."""
    kinds = Counter(type(entity).__name__.lower() for _, entity in job.chains)
    seeds = ", ".join(map(str, job.seeds[:5])) + (", ..." if len(job.seeds) > 5 else "")
    chains = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return f"{job.name}: {chains}; {'seed' if len(job.seeds) == 1 else 'seeds'} {seeds}"


def print_checked(jobs: ComplexJobs) -> None:
    """Good jobs line by line, then every fault."""
    for job in jobs:
        print(f"ok      {summary(job)}")
    print_faults(jobs)


def print_faults(jobs: ComplexJobs) -> None:
    for failure in jobs.failures:
        count = f"{len(failure.errors)} fault{'s' if len(failure.errors) > 1 else ''}"
        print(f"refused {failure.name}: {count}", file=sys.stderr)
        for error in failure.errors:
            print(f"  {error}", file=sys.stderr)


def rows(jobs: ComplexJobs) -> list[dict]:
    """Each job with its faults, as JSON has it."""
    good = [{"name": job.name, "file": job.source and str(job.source), "line": job.line, "faults": []} for job in jobs]
    bad = [
        {
            "name": failure.name,
            "file": str(failure.errors[0].file),
            "line": None,
            "faults": [*map(fault, failure.errors)],
        }
        for failure in jobs.failures
    ]
    return good + bad


def fault(error: InputError) -> dict:
    names = ("message", "file", "line", "column", "field", "remedy")
    return {name: str(value) if isinstance(value := getattr(error, name), Path) else value for name in names}


def leave_if_wrong(found: Sequence[ComplexJobs]) -> None:
    """Ends the command with 2 if any job is refused."""
    from foldwright.cli.main import BAD_INPUT

    if any(jobs.failures for jobs in found):
        raise typer.Exit(BAD_INPUT)
