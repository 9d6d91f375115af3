"""The folder of one job: what is in it, whether it answers the question asked, and how it is written."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.pipeline.rank import Confidence, ranked, ranking_record
from foldwright.pipeline.records import read_json, to_json

STRUCTURES = (".pdb", ".cif")


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

    def set_status(self, status: str, **more: Any) -> None:
        """Say in status.json how the job stands."""
        self.write("status.json", to_json({"status": status, **more}))

    def set_failed(self, error: BaseException) -> None:
        """Record why the job failed; where the input is not to blame, with the place in the program."""
        more = {} if isinstance(error, InputError) else {"traceback": traceback.format_exception(error)}
        self.set_status("failed", type=type(error).__name__, why=explain(error), **more)

    def finish(self, confidences: Mapping[str, Confidence]) -> None:
        """Rank this run's predictions, give the ranked copies their names, and call the job done."""
        for i, name in enumerate(ranked(confidences)):
            for ending in STRUCTURES:
                if (self.path / f"{name}{ending}").is_file():
                    self.write(f"ranked_{i}{ending}", (self.path / f"{name}{ending}").read_text("utf-8"))
        for stale in self.path.glob("ranked_*"):
            if int(stale.stem.rpartition("_")[2]) >= len(confidences):
                stale.unlink()
        self.write("ranking.json", to_json(ranking_record(confidences)))
        self.set_status("done", predictions=list(confidences))


def explain(error: BaseException) -> str:
    """One paragraph for the person: what went wrong, and what could help."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "allocate memory" in str(error):
        return "the memory ran out. Fewer rows (--max-msa), bfloat16, or a machine with more memory would help."
    return f"{type(error).__name__}: {error}"
