"""Jobs of any molecules from the files people have: read, told apart and checked before any work."""

from __future__ import annotations

from pathlib import Path

from foldwright.chem.components import Components
from foldwright.io.complex_checks import check, safe_job_name
from foldwright.io.complex_job import ComplexJobs, RefusedJob
from foldwright.io.dialects.alphafold3 import read_alphafold3
from foldwright.io.draft import Draft
from foldwright.io.fields import Faults, Field
from foldwright.io.positions import parse_json
from foldwright.io.text import read_lines, stem


def read_complex_jobs(path: str | Path, components: Components | None = None) -> ComplexJobs:
    """The jobs of a file or a folder; what is wrong with any of them stands beside the others, all at once.

    `components` are what codes and names of atoms are looked up in; without them these are not checked.
    Raises InputError if the path cannot be read at all.
    """
    path = Path(path)
    drafts = _drafts(path)
    jobs = ComplexJobs()
    for draft in drafts:
        check(draft, components)
        job = draft.job()
        if job:
            jobs += ComplexJobs((job,))
        else:
            jobs += ComplexJobs((), (RefusedJob(_name(draft, path), tuple(draft.faults.found)),))
    return jobs


def _name(draft: Draft, path: Path) -> str:
    return safe_job_name(draft.name or "") or safe_job_name(stem(path)) or "job"


def _drafts(path: Path) -> list[Draft]:
    text = "\n".join(read_lines(path))
    top = Field(parse_json(text, path), "", Faults(path))
    return [read_alphafold3(top, path.parent)]
