"""Which models suit a job."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.pipeline.options import GROUPS


def group_for(job: Job) -> str:
    """The group of models that suits a job."""
    return "multimer" if len(job.chains) > 1 else "monomer_ptm"


def choose_models(job: Job, asked: Sequence[str], available: Collection[str]) -> tuple[str, ...]:
    """The models to run on a job: those asked for, else those of the group that suits it whose weights are found.

    Raises:
        InputError: no weights are found for the group, with what to do about it.
    """
    if asked:
        return tuple(asked)
    group = group_for(job)
    found = tuple(name for name in GROUPS[group] if name in available)
    if not found:
        raise InputError(
            f"no weights are found for {job.name}: it needs {GROUPS[group][0]} or another of the group {group}.",
            field="--weights",
            remedy="`foldwright weights fetch alphafold-2022-12-06` gets DeepMind's; or name a file or a folder, or "
            "`--weights rule` for a trial with generated parameters.",
        )
    return found
