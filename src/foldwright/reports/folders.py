"""Which kind of results a folder holds."""

from __future__ import annotations

from pathlib import Path

from foldwright.reports import complexes, results
from foldwright.reports.results import Results


def is_job_folder(folder: Path) -> bool:
    """Whether a folder holds the results, or the failure, of one job."""
    return results.is_job_folder(folder) or complexes.is_complex_folder(folder)


def read_folder(folder: Path) -> Results:
    """The results in a job's folder, of whichever network.

    Raises:
        InputError: it is no such folder, or a file in it is missing or damaged.
    """
    if complexes.is_complex_folder(folder):
        return complexes.read_complex(folder)
    return results.read_results(folder)
