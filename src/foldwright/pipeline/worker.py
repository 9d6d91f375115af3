"""The second stage of a job: networks, ranking, files. A worker holds the networks and takes job after job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from foldwright import interrupts
from foldwright.pipeline.features import Featuriser
from foldwright.pipeline.fit import check_fits
from foldwright.pipeline.loaded import Loaded
from foldwright.pipeline.plan import Network, Plan, Task
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.rank import Confidence
from foldwright.pipeline.results import Prediction, prediction_name
from foldwright.pipeline.searching import Searched
from foldwright.pipeline.write import Writer, read_prediction

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

    def results(self, task: Task, searched: Searched | None) -> Iterator[Prediction]:
        """Every prediction of a job, network by network, and last its ranking; None is for a job that is complete.

        Raises:
            Exception: why the job failed.
        """
        confidences: dict[str, Confidence] = {}
        if searched and not self.is_complete(task):
            self.begin(task, searched)
        for network in task.networks:
            for seed in self.plan.options.seeds:
                interrupts.check()
                prediction = self.kept_or_made(task, searched, network, seed)
                confidences[prediction.name] = prediction.scores.for_ranking
                yield prediction
        if folder := self.plan.folder(task.job.name):
            folder.finish(confidences)

    def begin(self, task: Task, searched: Searched) -> None:
        """Check once more what the search may have changed, and write down what the networks will read."""
        for warning in searched.warnings:
            self.report.warn(task.job.name, warning)
        for network in task.networks:
            check_fits(searched.job, network, self.plan)
        if folder := self.plan.folder(task.job.name):
            folder.set_status("predicting")

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
