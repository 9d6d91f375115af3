"""The second stage of a job: networks, ranking, files. A worker holds the networks and takes job after job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from foldwright import interrupts
from foldwright.pipeline.features import Featuriser
from foldwright.pipeline.fit import check_fits
from foldwright.pipeline.kept import keep_alignments, require_room
from foldwright.pipeline.loaded import Loaded
from foldwright.pipeline.plan import Network, Plan, Task
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.relaxing import Relaxation, to_relax
from foldwright.pipeline.results import Prediction, prediction_name
from foldwright.pipeline.searching import Searched
from foldwright.pipeline.states import DONE, PREDICTING, RELAXING
from foldwright.pipeline.write import Writer, caveat_of, read_prediction

NOT_TRAINED = "generated parameters: the coordinates mean nothing"


@dataclass
class Worker:
    """Predicts job after job with the networks it keeps.

    All it is made of and given can be sent to another process: the plan's tasks are not needed, so
    `Worker(replace(plan, tasks=()), Silent())` is small.
    """

    plan: Plan
    report: Silent = field(default_factory=Silent)
    is_overwriting: bool = False
    featuriser: Featuriser = field(default_factory=Featuriser)

    def __post_init__(self):
        self.loaded = Loaded(self.plan, self.report)

    def is_complete(self, task: Task) -> bool:
        """Whether every prediction of a job is in its folder, so that nothing has to be searched for it."""
        return all(self.is_done(task, name) for name in task.keys)

    def is_done(self, task: Task, name: str) -> bool:
        """Whether this prediction is in its folder and may stay."""
        folder = self.plan.folder(task.job.name)
        return folder is not None and not self.is_overwriting and folder.is_done(name, task.keys[name])

    def predict(self, task: Task, searched: Searched | None) -> list[Prediction]:
        """Every prediction of a job, ranked, relaxed and written; `searched` is None for a job that is complete.

        Raises:
            Exception: why the job failed. What was finished of it is kept.
        """
        folder = self.plan.folder(task.job.name)
        if folder:
            folder.sweep()
        if searched and not self.is_complete(task):
            self.begin(task, searched)
        made = []
        for network, seed in product(task.networks, self.plan.options.seeds):
            interrupts.check()
            made.append(self.kept_or_made(task, searched, network, seed))
        return self.finished(task, made)

    def begin(self, task: Task, searched: Searched) -> None:
        """Check once more what the search may have changed, and keep what the networks will read."""
        for warning in searched.warnings:
            self.report.warn(task.job.name, warning)
        for network in task.networks:
            check_fits(searched.job, network, self.plan)
        if folder := self.plan.folder(task.job.name):
            folder.set_status(PREDICTING)
            require_room(folder.path, task)
            keep_alignments(folder, searched)

    def finished(self, task: Task, made: Sequence[Prediction]) -> list[Prediction]:
        """The predictions after relaxation, the job's ranking written, the job done."""
        folder, confidences = self.plan.folder(task.job.name), {p.name: p.for_ranking for p in made}
        found = {p.name: p for p in made}
        try:
            for name in to_relax(made, self.plan.options.relax):
                found[name] = self.relaxed(task, found[name])
        finally:
            if folder:
                folder.rank(confidences, [name for name, p in found.items() if p.relaxed])
        if folder:
            folder.set_status(DONE, predictions=list(confidences))
        return list(found.values())

    def relaxed(self, task: Task, prediction: Prediction) -> Prediction:
        """A prediction with its relaxed structure."""
        interrupts.check()
        folder = self.plan.folder(task.job.name)
        if folder:
            folder.set_status(RELAXING)
        network = next(network for network in task.networks if network.name == prediction.model)
        key, caveat = task.keys[prediction.name], caveat_of(network)
        return Relaxation(folder, key, caveat, self.plan.device, self.report).relaxed(prediction)

    def kept_or_made(self, task: Task, searched: Searched | None, network: Network, seed: int) -> Prediction:
        """A prediction from its files, or a new one."""
        name, folder = prediction_name(network.name, seed), self.plan.folder(task.job.name)
        if folder and self.is_done(task, name):
            self.report.skip(task.job.name, name)
            return read_prediction(folder, task.job.name, network.name, seed)
        assert searched is not None
        return self.made(task, searched, network, seed)

    def made(self, task: Task, searched: Searched, network: Network, seed: int) -> Prediction:
        """A new prediction, in its folder if there is one."""
        runner, folder = self.loaded.runner(network), self.plan.folder(task.job.name)
        stages = runner.new_stages()
        with stages.measure("features"):
            example = self.featuriser(searched.job, network)
        prediction = runner.predict(searched.job, example, seed, stages)
        if folder:
            prediction = Writer(folder, searched, network, self.plan).write(
                prediction, task.keys[prediction.name], stages
            )
        where = str(folder.file(f"{prediction.name}.cif")) if folder else ""
        says = str(prediction.scores) + (f" · {NOT_TRAINED}" if network.source.is_rule else "")
        self.report.finish(task.job.name, prediction.name, where, says, sum(stages.seconds.values()))
        return prediction
