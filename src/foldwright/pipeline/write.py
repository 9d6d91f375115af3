"""The files of one prediction, and reading them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foldwright.io.mmcif import read_mmcif
from foldwright.pipeline.folder import JobFolder
from foldwright.pipeline.plan import Network, Plan
from foldwright.pipeline.records import machine, read_json, to_json, versions
from foldwright.pipeline.results import Prediction, prediction_name
from foldwright.pipeline.scores import pae_record, scores_from_record, scores_record
from foldwright.pipeline.searching import Searched
from foldwright.pipeline.stages import Stages
from foldwright.pipeline.structures import write_structures

MEANINGLESS = "Made with generated parameters, not trained ones: coordinates and confidence mean nothing."

ENDINGS = {".pdb": "pdb", ".cif": "cif", "_scores.json": "scores", "_pae.json": "pae"}


def caveat_of(network: Network) -> str:
    """What is wrong with all that a network predicts; nothing, if it is trained."""
    return MEANINGLESS if network.source.is_rule else ""


@dataclass(frozen=True)
class Writer:
    """Writes the predictions of one network on one job."""

    folder: JobFolder
    searched: Searched
    network: Network
    plan: Plan

    @property
    def remark(self) -> dict[str, str]:
        """What every reader of the files has to know."""
        return {"remark": caveat} if (caveat := caveat_of(self.network)) else {}

    def write(self, prediction: Prediction, key: str, stages: Stages) -> Prediction:
        """Every file of a prediction, and last its entry in run.json, without which it does not count as done."""
        with stages.measure("writing"):
            self.folder.forget_relaxed(prediction.name)
            paths = write_structures(self.folder, prediction, prediction.name, caveat_of(self.network))
            paths |= self.write_scores(prediction)
        self.folder.update("execution.json", self.execution_record(), {prediction.name: stages.as_record()})
        record = self.record(prediction, key, paths)
        self.folder.update("run.json", self.run_record(), {prediction.name: record})
        return replace(prediction, paths=paths, record=record)

    def write_scores(self, prediction: Prediction) -> dict[str, Path]:
        """The confidence, and the aligned error once more in the form of the AlphaFold database."""
        name, scores = prediction.name, prediction.scores
        about = {"job": prediction.job, "model": prediction.model, "seed": prediction.seed} | self.remark
        text = to_json(about | scores_record(scores), is_compact=True)
        paths = {"scores": self.folder.write(f"{name}_scores.json", text)}
        if scores.pae is not None and scores.max_pae is not None:
            text = to_json(pae_record(scores.pae, scores.max_pae), is_compact=True)
            paths["pae"] = self.folder.write(f"{name}_pae.json", text)
        return paths

    def record(self, prediction: Prediction, key: str, paths: Mapping[str, Path]) -> dict[str, Any]:
        """How one prediction was made."""
        scores = prediction.scores
        return {
            "key": key,
            "model": prediction.model,
            "seed": prediction.seed,
            "files": [path.name for path in paths.values()],
            "mean_plddt": round(scores.mean_plddt, 2),
            "ptm": scores.ptm,
            "iptm": scores.iptm,
            "for_ranking": asdict(scores.for_ranking),  # unrounded: kept and new predictions rank alike
            "weights": self.network.source.info,
            **self.remark,
            **prediction.record,
            "config": asdict(self.network.config),
        }

    def run_record(self) -> dict[str, Any]:
        """What the job was given and what was used: the same for every run of the same question."""
        return {
            "job": self.searched.job.name,
            "source": self.searched.job.source,
            "chains": self.searched.chains,
            "pairing": self.searched.pairing,
            "warnings": self.searched.warnings,
            "options": self.plan.options,
            "versions": versions(),
        }

    def execution_record(self) -> dict[str, Any]:
        """How it went: where, when and, of each prediction, how long. Differs from run to run."""
        return {
            "machine": machine(self.plan.device),
            "search": self.searched.how,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def read_prediction(folder: JobFolder, job: str, model: str, seed: int) -> Prediction:
    """A prediction as its files tell it."""
    name = prediction_name(model, seed)
    record = folder.predictions[name]
    files = {
        ENDINGS[ending]: folder.file(f"{name}{ending}") for ending in ENDINGS if f"{name}{ending}" in record["files"]
    }
    return Prediction(
        job=job,
        model=model,
        seed=seed,
        structure=read_mmcif(files["cif"]),
        scores=scores_from_record(read_json(files["scores"])),
        paths=files,
        record=record,
    )
