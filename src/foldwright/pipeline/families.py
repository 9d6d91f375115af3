"""Which of the two programs a request is for: AlphaFold 2 reads sequences, AlphaFold 3 jobs of any molecules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.complexes.job import ComplexJob
from foldwright.io.complexes.jobs import JSON, YAML
from foldwright.io.job import Job
from foldwright.io.text import suffix
from foldwright.models.af3.presets import PRESETS

AF2, AF3 = "af2", "af3"
ONLY_OF = {  # options that have no effect in the other family, and what does there what they do here
    AF2: {
        "--recycle-tolerance": "",
        "--max-msa": "--set features.num_msa=512 sets the rows that a pass reads",
        "--ensemble": "",
        "--alignments": "the job file names alignments (unpairedMsaPath)",
        "--templates": "the job file names templates (mmcifPath)",
        "--relax": "",
        "--engine": "",
        "--ray-address": "",
    },
    AF3: {
        "--samples": "--num-seeds makes more predictions",
        "--steps": "",
        "--ccd": "",
        "--save-embeddings": "",
        "--save-distogram": "",
        "--compress": "",
    },
}
TITLES = {AF2: "AlphaFold 2", AF3: "AlphaFold 3"}


def family_of(inputs: Sequence[str | Path | Job | ComplexJob], models: Sequence[str], weights: str | None) -> str:
    """The family that models, weights or else inputs call for.

    Raises:
        InputError: they call for both.
    """
    words = [part.strip() for text in models for part in text.split(",")]
    if any(word in PRESETS for word in words):
        if len(words) > 1:
            remedy = "Ask for each in a command of its own."
            raise InputError(f"{', '.join(words)} are of two families.", field="--model", remedy=remedy)
        return AF3
    if words:
        return AF2
    if weights is not None and is_af3_file(Path(weights)):
        return AF3
    kinds = {is_complex(item) for item in inputs}
    if len(kinds) > 1:
        raise InputError(
            "some inputs are job files for AlphaFold 3 and some are not.",
            field="INPUT",
            remedy="Add --model af3 to give all of them to AlphaFold 3, or ask for each in a command of its own.",
        )
    return AF3 if True in kinds else AF2


def is_complex(item: str | Path | Job | ComplexJob) -> bool:
    """Whether only AlphaFold 3 reads this."""
    if isinstance(item, Job | ComplexJob):
        return isinstance(item, ComplexJob)
    path = Path(item)
    if path.is_dir():
        kinds = {suffix(file) for file in path.iterdir()}
        return bool(kinds & {*JSON, *YAML}) and not kinds - {*JSON, *YAML, ""}
    return suffix(path) in (*JSON, *YAML)


def is_af3_file(path: Path) -> bool:
    """Whether a file, or one in this folder, is named as the published parameters of AlphaFold 3 are."""
    return any(path.glob("af3.*")) if path.is_dir() else path.name.startswith("af3.")


def refuse_others(given: Collection[str], family: str) -> None:
    """Refuse options that were given and that have no effect in this family.

    Raises:
        InputError: naming the option, and what to do instead.
    """
    other: Mapping[str, str] = ONLY_OF[AF2 if family == AF3 else AF3]
    for option in given:
        if option in other:
            instead = f"; {other[option]}" if other[option] else ""
            raise InputError(
                f"{TITLES[family]} has no such option{instead}.",
                field=option,
                remedy="Leave it out.",
            )
