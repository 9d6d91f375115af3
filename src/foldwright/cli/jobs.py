"""`foldwright jobs`: the jobs of a results folder and how each stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from foldwright.pipeline.states import JobState

COLOURS = {
    "done": "green",
    "failed": "red",
    "interrupted": "yellow",
    "searching": "cyan",
    "predicting": "cyan",
    "relaxing": "cyan",
}


def jobs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that was --out of `foldwright predict`.")
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
