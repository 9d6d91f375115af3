"""`foldwright report`: pages and pictures of results that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

SOME_JOB_FAILED = 1


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="The folder of a job, or that of a run with several jobs.")
    ],
    figures: Annotated[
        list[str] | None,
        Option(
            metavar="FORMAT",
            help="Write the pictures to <job>/figures/ too: svg, png or pdf; repeat for several. png and pdf need "
            "matplotlib.",
        ),
    ] = None,
    palette: Annotated[
        str, Option(help="Colours of the figures: alphafold (those of its database) or safe (for the colour-blind).")
    ] = "alphafold",
    quiet: Annotated[bool, Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Write report.html for every job, and index.html for a run.

    Each report is one file that opens in a browser without a network. Exit code: 0 if every report was written, 1 if
    the results of some job are damaged, 2 if there are no results.
    """
    from foldwright.errors import InputError
    from foldwright.reports import write_figures, write_index, write_report
    from foldwright.reports.figures import check_figures
    from foldwright.reports.folders import is_job_folder
    from foldwright.reports.index import job_folders

    def say(path: Path) -> None:
        if not quiet:
            print(path)

    check_figures(figures or (), palette)
    runs = [folder for folder in folders if folder.is_dir() and not is_job_folder(folder) and job_folders(folder)]
    failed = 0
    for job in [job for folder in folders for job in (job_folders(folder) if folder in runs else [folder])]:
        try:
            say(write_report(job))
            for path in write_figures(job, figures or (), palette):
                say(path)
        except InputError as error:
            if len(folders) == 1 and not runs:
                raise
            failed += 1
            typer.echo(f"foldwright: {error}", err=True)
    for folder in runs:
        say(write_index(folder))
    if failed:
        raise typer.Exit(SOME_JOB_FAILED)
