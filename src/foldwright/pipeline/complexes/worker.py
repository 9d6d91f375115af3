"""The second stage of a complex: features, network, files, ranking. The network is loaded once, when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foldwright import interrupts
from foldwright.chem.conformers import Conformer
from foldwright.features.af3.featurise import Prepared, prepare
from foldwright.features.af3.reference import residues_of
from foldwright.io.complexes.structure import ComplexStructure
from foldwright.metrics.ligand_checks import ligand_checks
from foldwright.pipeline.complexes.fit import room
from foldwright.pipeline.complexes.infer import ComplexRunner
from foldwright.pipeline.complexes.plan import ComplexNetwork, ComplexPlan, ComplexTask
from foldwright.pipeline.complexes.results import ComplexPrediction, predictions_of, sample_name
from foldwright.pipeline.complexes.searching import SearchedComplex
from foldwright.pipeline.complexes.write import ComplexWriter, write_arrays, write_data, write_terms
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.stages import Stages
from foldwright.pipeline.states import DONE, PREDICTING
from foldwright.pipeline.worker import NOT_TRAINED


@dataclass(frozen=True)
class Work:
    """A job with all that its network will read."""

    task: ComplexTask
    searched: SearchedComplex
    prepared: Prepared

    @property
    def summary(self) -> str:
        """Its size for the person running it."""
        table, rows = self.prepared.table, int(self.prepared.constant["num_alignments"])
        return f"{len(table.chains)} chains · {len(table)} tokens · {table.num_atoms:,} atoms · {rows:,} rows"

    def ligands(self, structure: ComplexStructure) -> list[dict[str, Any]]:
        """What is sound and what is wrong with each ligand."""
        found = ligand_checks(structure, self.task.used_components, self.task.job.bonds)
        return [checks.record() for checks in found]

    def unusual(self, conformers: Sequence[Conformer]) -> dict[str, str]:
        """Where reference conformers come from that RDKit did not make, by component."""
        residues = residues_of(self.prepared.table)
        pairs = zip(residues, conformers, strict=True)
        return {residue.code: found.source for residue, found in pairs if found.source != "rdkit"}


@dataclass
class ComplexWorker:
    """Predicts complex after complex with the network it keeps."""

    plan: ComplexPlan
    report: Silent = field(default_factory=Silent)
    is_overwriting: bool = False
    loaded: ComplexRunner | Exception | None = None

    def is_complete(self, task: ComplexTask) -> bool:
        """Whether every sample of a job is in its folder, so that nothing has to be searched for it."""
        return all(self.is_done(task, name) for name in task.keys) and not any(
            self.lacks_arrays(task, seed) for seed in task.seeds
        )

    def is_done(self, task: ComplexTask, name: str) -> bool:
        """Whether this sample is in its folder and may stay."""
        folder = self.plan.folder(task.job.name)
        return folder is not None and not self.is_overwriting and folder.is_done(name, task.keys[name])

    def lacks_arrays(self, task: ComplexTask, seed: int) -> bool:
        """Whether arrays of this seed are asked for and not there."""
        options, folder = self.plan.options, self.plan.folder(task.job.name)
        kinds = ["embeddings"] * options.saves_embeddings + ["distogram"] * options.saves_distogram
        return folder is not None and not all(folder.file(folder.array_file(seed, kind)).is_file() for kind in kinds)

    def predict(self, task: ComplexTask, searched: SearchedComplex | None) -> list[ComplexPrediction]:
        """Every sample of every seed, ranked and written; `searched` is None for a job that is complete.

        Raises:
            Exception: why the job failed. What was finished of it is kept.
        """
        folder = self.plan.folder(task.job.name)
        if folder:
            folder.sweep()
        work = None if searched is None or self.is_complete(task) else self.begin(task, searched)
        made = [prediction for seed in task.seeds for prediction in self.of_seed(task, work, seed)]
        if folder:
            folder.rank_samples(made)
            folder.set_status(DONE, predictions=[prediction.name for prediction in made])
        return made

    def begin(self, task: ComplexTask, searched: SearchedComplex) -> Work:
        """Keep what the network will read, in the form that another run can begin with."""
        for warning in searched.warnings:
            self.report.warn(task.job.name, warning)
        work = Work(task, searched, prepare(searched.job, task.components))
        if folder := self.plan.folder(task.job.name):
            folder.set_status(PREDICTING)
            write_data(folder, task, searched.job)
            write_terms(folder, task)
        return work

    def of_seed(self, task: ComplexTask, work: Work | None, seed: int) -> list[ComplexPrediction]:
        """The samples of one seed in their order, those that are not there made together."""
        interrupts.check()
        folder, samples = self.plan.folder(task.job.name), task.samples
        missing = [i for i in samples if not self.is_done(task, sample_name(seed, i))]
        missing = missing or (list(samples) if self.lacks_arrays(task, seed) else [])
        found = {}
        for sample in (i for i in samples if i not in missing):
            assert folder is not None
            self.report.skip(task.job.name, sample_name(seed, sample))
            found[sample] = folder.read(task.network.name, seed, sample)
        if missing:
            assert work is not None
            found |= {prediction.sample: prediction for prediction in self.made(work, seed, missing)}
        return [found[sample] for sample in samples]

    def made(self, work: Work, seed: int, samples: Sequence[int]) -> list[ComplexPrediction]:
        """New samples of one seed, in their folder if there is one."""
        task = work.task
        runner = self.runner(task)
        stages = runner.new_stages()
        with stages.measure("features"):
            conformers = work.prepared.conformers(seed)
            features = work.prepared.features_of(conformers)
        self.report.job(task.job.name, work.summary)
        predicted = runner.predict(task.job.name, features, seed, samples, stages)
        with stages.measure("scores"):
            found = predictions_of(
                predicted.output, predicted.batch, features, task.job.name, task.network.name, seed, samples
            )
        if folder := self.plan.folder(task.job.name):
            write_arrays(folder, self.plan.options, predicted.output, features, seed)
        more = {**predicted.record, "conformers": work.unusual(conformers)}
        records = [{**p.record, **more, "ligands": work.ligands(p.structure)} for p in found]
        return [self.written(work, replace(p, record=r), stages) for p, r in zip(found, records, strict=True)]

    def written(self, work: Work, prediction: ComplexPrediction, stages: Stages) -> ComplexPrediction:
        """The sample with its record, in its folder if there is one."""
        folder, where = self.plan.folder(work.task.job.name), ""
        if folder:
            prediction = ComplexWriter(folder, work.task, work.searched, self.plan).write(prediction, stages)
            where = str(prediction.paths["cif"])
        says = str(prediction) + (f" · {NOT_TRAINED}" if work.task.network.info.is_rule else "")
        self.report.finish(prediction.job, prediction.name, where, says, sum(stages.seconds.values()))
        return prediction

    def runner(self, task: ComplexTask) -> ComplexRunner:
        """The network, ready to predict. One that cannot be loaded is tried once.

        Raises:
            Exception: it could not be loaded, now or before.
        """
        if self.loaded is None:
            self.loaded = self._load(task.network)
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded

    def _load(self, network: ComplexNetwork) -> ComplexRunner | Exception:
        loading = Stages(self.plan.device)
        try:
            with loading.measure("weights"):
                model = network.load().to(self.plan.device).eval().requires_grad_(False)
                options, limit = self.plan.options, room(self.plan.device, self.plan.options)
                return ComplexRunner(model, self.plan.device, options.precision, limit, self.report, loading)
        except Exception as error:
            return error
