"""The folder of one job: what is in it, whether it answers the question asked, and how it is written."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import PART, atomic_write
from foldwright.pipeline.memory import is_out_of_memory
from foldwright.pipeline.rank import Confidence, ranked, ranking_record
from foldwright.pipeline.records import read_json, to_json

STRUCTURES = (".pdb", ".cif")
RELAXED = "_relaxed"  # between the name of a prediction and the ending of its relaxed structure


@dataclass(frozen=True)
class JobFolder:
    """One job's folder of results. Every file in it is whole at any moment."""

    path: Path

    @property
    def predictions(self) -> dict[str, Any]:
        """What run.json says of each prediction made so far."""
        return (read_json(self.path / "run.json") or {}).get("predictions", {})

    def is_done(self, name: str, key: str) -> bool:
        """Whether this prediction is here, made from the same input, options and weights."""
        record = self.predictions.get(name, {})
        return record.get("key") == key and all((self.path / file).is_file() for file in record.get("files", []))

    def relaxation(self, name: str, key: str) -> dict[str, Any] | None:
        """What run.json says of a prediction's relaxation, if it is here and of this key."""
        record = self.predictions.get(name, {}).get("relaxation", {})
        is_here = record.get("key") == key and all((self.path / file).is_file() for file in record.get("files", []))
        return record if is_here else None

    def file(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, text: str) -> Path:
        """Write a text file, whole or not at all; one that says the same already stays as it is."""
        with suppress(OSError, UnicodeDecodeError):
            if (self.path / name).read_text("utf-8") == text:
                return self.path / name
        with atomic_write(self.path / name) as file:
            file.write(text)
        return self.path / name

    def update(self, name: str, about: Mapping[str, Any], predictions: Mapping[str, Any]) -> Path:
        """Write a record of the job to which predictions add their own, one by one."""
        before = (read_json(self.path / name) or {}).get("predictions", {})
        return self.write(name, to_json({**about, "predictions": {**before, **predictions}}))

    def note(self, name: str, prediction: str, more: Mapping[str, Any]) -> Path:
        """Add to what a record of the job says of one prediction."""
        record = read_json(self.path / name) or {}
        about = record.setdefault("predictions", {}).setdefault(prediction, {})
        about.update(more)
        return self.write(name, to_json(record))

    def set_status(self, status: str, **more: Any) -> None:
        """Say in status.json how the job stands."""
        self.write("status.json", to_json({"status": status, **more}))

    def set_failed(self, error: BaseException) -> None:
        """Record why the job failed; where the input is not to blame, with the place in the program."""
        more = {} if isinstance(error, InputError) else {"traceback": traceback.format_exception(error)}
        self.set_status("failed", type=type(error).__name__, why=explain(error), **more)

    def rank(self, confidences: Mapping[str, Confidence], relaxed: Collection[str] = ()) -> None:
        """Write the order of this run's predictions, and give the ranked copies their names."""
        for i, name in enumerate(ranked(confidences)):
            for ending in STRUCTURES:
                file = self.path / f"{name}{RELAXED if name in relaxed else ''}{ending}"
                if file.is_file():
                    self.write(f"ranked_{i}{ending}", file.read_text("utf-8"))
        for stale in self.path.glob("ranked_*"):
            if int(stale.stem.rpartition("_")[2]) >= len(confidences):
                stale.unlink()
        self.write("ranking.json", to_json(ranking_record(confidences)))

    def forget_relaxed(self, name: str) -> None:
        """Remove the relaxed form of a prediction that is made anew."""
        for ending in STRUCTURES:
            (self.path / f"{name}{RELAXED}{ending}").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a process left half-written that was killed. Only for whoever holds the job."""
        for part in self.path.rglob(f".*{PART}"):
            part.unlink(missing_ok=True)


def explain(error: BaseException) -> str:
    """One paragraph for the person: what went wrong, and what could help."""
    if isinstance(error, InputError):
        return str(error)
    if is_out_of_memory(error):
        return "the memory ran out. Fewer rows of the alignment, bfloat16, or a machine with more memory would help."
    return f"{type(error).__name__}: {error}"
