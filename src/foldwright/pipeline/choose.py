"""Which models suit a job."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.pipeline.options import GROUPS, Options
from foldwright.weights.trained import BUNDLED, find_trained


def group_for(job: Job) -> str:
    """The group of models that suits a job."""
    return "multimer" if len(job.chains) > 1 else "monomer_ptm"


def models_asked(options: Options) -> tuple[str, ...]:
    """The models that were named, by name or by giving a file that says what it is; none if both is left open."""
    trained = None if options.models else find_trained(options.weights)
    return (trained.name,) if trained else options.models


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
            remedy="`foldwright weights fetch alphafold-2022-12-06` gets DeepMind's; or name a file or a folder, "
            f"{_bundled_hint()}or `--weights rule` for a trial with generated parameters.",
        )
    return found


def _bundled_hint() -> str:
    return "".join(f"`--model {name}` for the small network in the package, " for name in BUNDLED)
