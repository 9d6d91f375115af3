"""Relaxation of a job's predictions: the best, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import torch

from foldwright.errors import InputError
from foldwright.io.structure_files import read_structure
from foldwright.pipeline.folder import RELAXED, JobFolder
from foldwright.pipeline.options import Options
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.rank import ranked
from foldwright.pipeline.records import digest
from foldwright.pipeline.results import Prediction
from foldwright.pipeline.structures import write_structures
from foldwright.relax.options import RelaxOptions


def require_openmm(options: Options) -> None:
    """Refuse relaxation where it cannot be done, before anything is predicted.

    Raises:
        InputError: with how to get what is missing.
    """
    missing = [name for name in ("openmm", "pdbfixer") if find_spec(name) is None]
    if options.relax != "none" and missing:
        raise InputError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed.",
            field="--relax",
            remedy='`pip install "foldwright[relax]"` gets them.',
        )


def to_relax(predictions: Sequence[Prediction], how: str) -> list[str]:
    """The names of the predictions that are relaxed."""
    if how == "none":
        return []
    order = ranked({prediction.name: prediction.for_ranking for prediction in predictions})
    return order if how == "all" else order[:1]


@dataclass(frozen=True)
class Relaxation:
    """Relaxes one prediction and keeps the result beside it, once."""

    folder: JobFolder | None
    key: str  # of the prediction
    caveat: str
    device: torch.device
    report: Silent

    def relaxed(self, prediction: Prediction) -> Prediction:
        """The prediction with its relaxed structure.

        Raises:
            InputError: the structure cannot be relaxed; with the residues that are to blame.
        """
        options = RelaxOptions(platform="auto" if self.device.type == "cuda" else "CPU")
        key = digest({"prediction": self.key, "options": options})
        if self.folder and (record := self.folder.relaxation(prediction.name, key)):
            return self._kept(self.folder, prediction, record)
        return self._made(prediction, options, key)

    def _kept(self, folder: JobFolder, prediction: Prediction, record: Mapping[str, Any]) -> Prediction:
        files = {f"relaxed_{name.rpartition('.')[2]}": folder.file(name) for name in record["files"]}
        relaxed = read_structure(files["relaxed_cif"])
        return replace(prediction, relaxed=relaxed, paths={**prediction.paths, **files})

    def _made(self, prediction: Prediction, options: RelaxOptions, key: str) -> Prediction:
        from foldwright.relax.relaxation import relax_structure

        found = relax_structure(
            prediction.structure,
            options,
            lambda item: self.report.relaxing(prediction.job, prediction.name, str(item)),
        )
        if self.folder is None:
            record = {**prediction.record, "relaxation": found.record}
            return replace(prediction, relaxed=found.structure, record=record)
        name = f"{prediction.name}{RELAXED}"
        paths = write_structures(self.folder, replace(prediction, structure=found.structure), name, self.caveat)
        note = {"key": key, "files": [path.name for path in paths.values()], **found.record}
        record = {**self.folder.predictions[prediction.name], "relaxation": note}
        self.folder.note("execution.json", prediction.name, {"relaxation": {"seconds": round(found.seconds, 3)}})
        self.folder.note("run.json", prediction.name, {"relaxation": note})
        more = {f"relaxed_{ending}": path for ending, path in paths.items()}
        return replace(prediction, relaxed=found.structure, paths={**prediction.paths, **more}, record=record)
