"""The files of one complex: each sample's, and what the job was and what was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from foldwright.io.complexes.confidences import confidences_text, summary_text
from foldwright.io.complexes.job import ComplexJob
from foldwright.io.complexes.modelcif import Atom, ComplexDetails, complex_cif_text
from foldwright.io.complexes.writer import alphafold3_json
from foldwright.models.af3.model import AF3Output
from foldwright.pipeline.complexes.folder import CONFIDENCES, MODEL, SUMMARY, ComplexFolder
from foldwright.pipeline.complexes.options import ComplexOptions
from foldwright.pipeline.complexes.plan import ComplexPlan, ComplexTask
from foldwright.pipeline.complexes.results import ComplexPrediction, Features
from foldwright.pipeline.complexes.searching import SearchedComplex
from foldwright.pipeline.records import machine, versions
from foldwright.pipeline.stages import Stages
from foldwright.pipeline.write import MEANINGLESS

DEEPMIND = ("Google DeepMind", "Isomorphic Labs")
TERMS_URL = "https://github.com/google-deepmind/alphafold3/blob/main/OUTPUT_TERMS_OF_USE.md"
TERMS = (
    "Made with the AlphaFold 3 model parameters of Google DeepMind. What may be done with this file is said in the "
    f"AlphaFold 3 Output Terms of Use, {TERMS_URL}: among others, no commercial use, and no training of similar models."
)
DISCLAIMER = "A prediction, of varying confidence; for theoretical modelling only, not for clinical use."


@dataclass(frozen=True)
class ComplexWriter:
    """Writes the predictions of one job."""

    folder: ComplexFolder
    task: ComplexTask
    searched: SearchedComplex
    plan: ComplexPlan

    @property
    def is_rule(self) -> bool:
        return self.task.network.info.is_rule

    def write(self, prediction: ComplexPrediction, stages: Stages) -> ComplexPrediction:
        """Every file of a sample, and last its entry in run.json, without which it does not count as done."""
        with stages.measure("writing"):
            paths = self.write_sample(prediction)
        self.folder.update("execution.json", self.execution_record(), {prediction.name: stages.as_record()})
        record = self.record(prediction, paths)
        self.folder.update("run.json", self.run_record(), {prediction.name: record})
        return replace(prediction, paths=paths, record=record)

    def write_sample(self, prediction: ComplexPrediction) -> dict[str, Path]:
        """Structure and confidence, as the released program names them."""
        name, is_packed = prediction.name, self.plan.options.is_compressed
        texts = {
            "cif": (MODEL, complex_cif_text(prediction.structure, self.details()), is_packed),
            "confidences": (CONFIDENCES, confidences_text(prediction.confidences), is_packed),
            "summary": (SUMMARY, summary_text(prediction.summary), False),
        }
        return {
            kind: self.folder.write_text(self.folder.sample_file(name, ending), text, packed)
            for kind, (ending, text, packed) in texts.items()
        }

    def details(self) -> ComplexDetails:
        """What the structure's file says besides atoms."""
        usage = [("disclaimer", MEANINGLESS)] if self.is_rule else [("license", TERMS), ("disclaimer", DISCLAIMER)]
        return ComplexDetails(
            name=self.task.job.name,
            components=self.task.used_components,
            bonds=bonds_of(self.task.job),
            authors=("Foldwright",) if self.is_rule else DEEPMIND,
            usage=usage,
        )

    def record(self, prediction: ComplexPrediction, paths: Mapping[str, Path]) -> dict[str, Any]:
        """How one sample was made."""
        return {
            "key": self.task.keys[prediction.name],
            "model": prediction.model,
            "seed": prediction.seed,
            "sample": prediction.sample,
            "files": [path.relative_to(self.folder.path).as_posix() for path in paths.values()],
            "ranking_score": float(prediction.ranking_score),  # unrounded: kept and new samples rank alike
            "mean_plddt": round(prediction.mean_plddt, 2),
            "ptm": number(prediction.summary.ptm),
            "iptm": number(prediction.summary.iptm),
            "weights": self.task.network.info,
            **({"remark": MEANINGLESS} if self.is_rule else {}),
            **prediction.record,
            "config": self.task.network.config,
        }

    def run_record(self) -> dict[str, Any]:
        """What the job was given and what was used: the same for every run of the same question."""
        return {
            "job": self.task.title,
            "source": self.task.job.source,
            "family": "af3",
            "chains": self.searched.chains,
            "pairing": self.searched.pairing,
            "warnings": self.searched.warnings,
            "components": {"source": self.task.components.source, "date": str(self.task.components.date or "")},
            "options": self.plan.options,
            "versions": versions("rdkit", "biotite"),
        }

    def execution_record(self) -> dict[str, Any]:
        """How it went: where, when and, of each sample, how long. Differs from run to run."""
        return {
            "machine": machine(self.plan.device),
            "search": self.searched.how,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def number(value: float) -> float | None:
    """Four decimals; None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def bonds_of(job: ComplexJob) -> Sequence[tuple[Atom, Atom]]:
    """The bonds that the job asks for."""
    return [((a.chain, a.residue, a.atom), (b.chain, b.residue, b.atom)) for a, b in job.bonds]


def write_arrays(
    folder: ComplexFolder, options: ComplexOptions, output: AF3Output, features: Features, seed: int
) -> None:
    """What the trunk made of a seed, if that is asked for."""
    n = int(features["seq_mask"].sum())
    if options.saves_embeddings:
        single, pair = (x.float().cpu().numpy() for x in (output.trunk.single, output.trunk.pair))
        arrays = {"single_embeddings": single[:n], "pair_embeddings": pair[:n, :n]}
        folder.write_arrays(seed, "embeddings", arrays)
    if options.saves_distogram:
        distogram = output.distogram_logits.float().cpu().numpy()[:n, :n]
        folder.write_arrays(seed, "distogram", {"distogram": distogram})


def write_data(folder: ComplexFolder, task: ComplexTask, job: ComplexJob) -> None:
    """The job with what was found for it, as the released program writes it: another run can begin with it."""
    folder.write(folder.best_file("data.json"), alphafold3_json(replace(job, name=task.title, seeds=task.seeds)))


def write_terms(folder: ComplexFolder, task: ComplexTask) -> None:
    """On what terms the results may be used, where published parameters made them."""
    if not task.network.info.is_rule:
        folder.write("TERMS_OF_USE.md", f"# Terms of use\n\n{TERMS}\n\n{DISCLAIMER}\n")
