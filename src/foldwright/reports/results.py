"""What a job's folder says, read once for every picture and table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.errors import InputError
from foldwright.io.mmcif import read_mmcif
from foldwright.io.structure import Structure
from foldwright.reports.skeleton import Skeleton

PROTEIN = "protein"
MARKS = ("run.json", "status.json", "ranking.json")  # a folder with one of these is a job's


@dataclass(frozen=True, kw_only=True)
class Place:
    """What one row of every array stands for in a complex: a residue, or an atom of one that is not standard."""

    number: int  # of the residue in its chain, from 1
    name: str  # a letter, or the component's code
    atom: str = ""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One chain of the prediction; its residues (of a complex: tokens) stand from `start` on in every array."""

    name: str
    sequence: str  # one letter for each residue; of a ligand, nothing
    start: int
    kind: str = PROTEIN
    entity: int = 0  # chains of one entity are copies; 0: not told
    places: tuple[Place, ...] = ()  # of a complex; elsewhere the letters of the sequence say it all

    @property
    def size(self) -> int:
        return len(self.places) or len(self.sequence)

    @property
    def stop(self) -> int:
        return self.start + self.size


@dataclass(frozen=True, kw_only=True)
class Model:
    """One prediction of a job as its files tell it."""

    name: str
    record: Mapping[str, Any]  # of run.json
    scores: Mapping[str, Any]
    structure_file: Path  # the relaxed one where there is one
    stages: Mapping[str, Any] = field(default_factory=dict)  # seconds and peak memory of each

    @property
    def structure_bytes(self) -> bytes:
        return self.structure_file.read_bytes()

    @cached_property
    def structure(self) -> Structure:
        return read_mmcif(self.structure_file)

    @cached_property
    def plddt(self) -> Float[np.ndarray, " n"]:
        """Expected lDDT-Calpha of each residue, 0 to 100."""
        return np.array(self.scores["plddt"], np.float32)

    @cached_property
    def pae(self) -> Float[np.ndarray, "n n"] | None:
        """Expected error of the column's residue when aligned on the row's, angstrom."""
        found = self.scores.get("pae")
        return None if found is None else np.array(found, np.float32)

    @property
    def links(self) -> Mapping[str, str]:
        """Files of this prediction: what they are, and where beside the page."""
        files = [*(self.record.get("files") or ()), *((self.record.get("relaxation") or {}).get("files") or ())]
        return {_ending(file, self.name): file for file in files}

    @property
    def max_pae(self) -> float:
        return float(self.scores.get("max_pae") or 31.75)  # AF2 Suppl. 1.9.7: 64 bins of 0.5 angstrom

    @cached_property
    def contacts(self) -> Float[np.ndarray, "n n"] | None:
        """How probable it is that two tokens touch, where the network says so."""
        return None

    @cached_property
    def skeleton(self) -> Skeleton:
        """The trace of alpha carbons."""
        structure = self.structure
        alpha, borders = ATOM_INDEX["CA"], structure.chain_borders
        is_there = structure.mask[:, alpha] > 0
        return Skeleton.of_traces(structure.positions[:, alpha], self.plddt, is_there, borders)


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that is known of one job: its predictions, best first, and how they were made."""

    folder: Path
    run: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    ranking: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[Model] = ()
    others: Sequence[Model] = ()  # ranked below these, and known by their scores alone

    @property
    def name(self) -> str:
        return self.run.get("job") or self.folder.resolve().name

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        """The chains of the first model; of a job without models, none."""
        if not self.models:
            return ()
        structure = self.models[0].structure
        return tuple(
            Chain(name=name, sequence=sequence, start=start)
            for name, sequence, (start, _) in zip(
                structure.chain_ids, structure.sequences, structure.chain_borders, strict=True
            )
        )

    @property
    def size(self) -> int:
        """How long every array is."""
        return sum(chain.size for chain in self.chains)

    @property
    def unit(self) -> str:
        """What arrays have one entry for each of."""
        return "residue"

    @property
    def ranked_by(self) -> str:
        return self.ranking.get("ranked_by", "mean pLDDT")

    @property
    def machine(self) -> Mapping[str, Any]:
        """Where it ran, and the command."""
        return self.execution.get("machine") or self.run.get("machine") or {}

    @property
    def remark(self) -> str:
        """What every reader has to know of these numbers."""
        return next((model.record["remark"] for model in self.models if "remark" in model.record), "")


def is_job_folder(folder: Path) -> bool:
    """Whether a folder holds the results, or the failure, of one job."""
    return any((folder / name).is_file() for name in MARKS)


def read_results(folder: Path) -> Results:
    """The results in a job's folder; a job that failed or waits has no models.

    Raises:
        InputError: it is no such folder, or a file in it is missing or damaged.
    """
    if not is_job_folder(folder):
        raise InputError(
            "this is no folder of results.",
            file=folder,
            remedy="Give a folder that `foldwright predict` wrote for a job, or the one that holds several.",
        )
    run, status, ranking = (read_json(folder / name) or {} for name in MARKS)
    execution = read_json(folder / "execution.json") or run
    predictions = run.get("predictions", {})
    order = [name for name in ranking.get("order", ()) if name in predictions]
    order += sorted((n for n in predictions if n not in order), key=lambda n: -predictions[n].get("mean_plddt", 0))
    times = execution.get("predictions", {})
    models = tuple(_read_model(folder, name, predictions[name], times.get(name) or {}) for name in order)
    return Results(folder=folder, run=run, status=status, ranking=ranking, execution=execution, models=models)


def read_json(path: Path) -> Any:
    """The content of a JSON file, None where there is no file.

    Raises:
        InputError: it is cut short or no JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}.", file=path, remedy="Predict the job again.") from error


def _read_model(folder: Path, name: str, record: Mapping[str, Any], times: Mapping[str, Any]) -> Model:
    structure, scores = folder / f"{name}.cif", read_json(folder / f"{name}_scores.json")
    for path, is_there in ((structure, structure.is_file()), (folder / f"{name}_scores.json", scores is not None)):
        if not is_there:
            raise InputError("is missing.", file=path, remedy="Run the same `foldwright predict` command again.")
    relaxed = [folder / file for file in (record.get("relaxation") or {}).get("files", ()) if file.endswith(".cif")]
    structure = next((path for path in relaxed if path.is_file()), structure)
    stages = times.get("stages", times)
    return Model(name=name, record=record, scores=scores, structure_file=structure, stages=stages)


def _ending(file: str, name: str) -> str:
    return file.removeprefix(name).lstrip("._").removesuffix(".json").replace(".", " ")
