"""The folder of one complex, laid out as AlphaFold 3 does, and reading it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from foldwright.io.atomic import atomic_write
from foldwright.io.complexes.confidences import ranking_text, read_confidences, read_summary
from foldwright.io.complexes.structure import read_complex
from foldwright.io.packed import ZST, write_packed
from foldwright.pipeline.complexes.results import ComplexPrediction, sample_name
from foldwright.pipeline.folder import JobFolder
from foldwright.pipeline.records import to_json

MODEL, CONFIDENCES, SUMMARY = "model.cif", "confidences.json", "summary_confidences.json"
KINDS = {"cif": MODEL, "confidences": CONFIDENCES, "summary": SUMMARY}
RANKED_BY = "ranking score"


@dataclass(frozen=True)
class ComplexFolder(JobFolder):
    """One complex's folder of results, whose name is the job's. Every file in it is whole at any moment."""

    @property
    def job(self) -> str:
        return self.path.name

    def sample_file(self, name: str, ending: str) -> str:
        """The path of a sample's file, relative to the folder."""
        return f"{name}/{self.job}_{name}_{ending}"

    def best_file(self, ending: str) -> str:
        """The path of a file of the best sample, relative to the folder."""
        return f"{self.job}_{ending}"

    def write_text(self, name: str, text: str, is_packed: bool = False) -> Path:
        """Write a text file whole or not at all; the packed form replaces the plain one, and the other way round."""
        stale = self.path / (name if is_packed else name + ZST)
        path = write_packed(self.path / (name + ZST), text) if is_packed else self.write(name, text)
        stale.unlink(missing_ok=True)
        return path

    def write_arrays(self, seed: int, kind: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Arrays of one seed in half precision."""
        path = self.path / self.array_file(seed, kind)
        buffer = BytesIO()
        np.savez(buffer, **{name: array.astype(np.float16) for name, array in arrays.items()})  # pyright: ignore[reportArgumentType]
        with atomic_write(path, "wb") as file:
            file.write(buffer.getbuffer())
        return path

    def array_file(self, seed: int, kind: str) -> str:
        """The path of arrays, relative to the folder; `kind` is embeddings or distogram."""
        return f"seed-{seed}_{kind}/{self.job}_seed-{seed}_{kind}.npz"

    def read(self, model: str, seed: int, sample: int) -> ComplexPrediction:
        """A sample as its files tell it.

        Raises:
            InputError: a file is damaged.
        """
        name = sample_name(seed, sample)
        record = self.predictions[name]
        paths = {kind: self.file(file) for kind, file in zip(KINDS, record["files"], strict=True)}
        return ComplexPrediction(
            job=self.job,
            model=model,
            seed=seed,
            sample=sample,
            structure=read_complex(paths["cif"]),
            confidences=read_confidences(paths["confidences"]),
            summary=read_summary(paths["summary"]),
            paths=paths,
            record=record,
        )

    def rank_samples(self, predictions: Sequence[ComplexPrediction]) -> None:
        """Write the order of this run's samples, and the files of the best beside it; the first of equals is best."""
        order = sorted(predictions, key=lambda p: -p.ranking_score)
        for kind, ending in KINDS.items():
            source = order[0].paths[kind]
            is_packed = source.suffix == ZST
            self.copy(source, self.best_file(ending + (ZST if is_packed else "")))
            (self.path / self.best_file(ending + ("" if is_packed else ZST))).unlink(missing_ok=True)
        rows = [(p.seed, p.sample, float(p.ranking_score)) for p in predictions]
        self.write(self.best_file("ranking_scores.csv"), ranking_text(rows))
        record = {
            "ranked_by": RANKED_BY,
            "order": [p.name for p in order],
            "values": {p.name: round(p.ranking_score, 4) for p in order},
        }
        self.write("ranking.json", to_json(record))

    def copy(self, source: Path, name: str) -> None:
        """Copy a file, whole or not at all; one that is the same already stays."""
        data, target = source.read_bytes(), self.path / name
        if not (target.is_file() and target.read_bytes() == data):
            with atomic_write(target, "wb") as file:
                file.write(data)
