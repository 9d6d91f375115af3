"""From a checked plan to results: every network is loaded once, every job ends as done or failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from foldwright import interrupts, kernels
from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.pipeline.features import Featuriser, warnings_of
from foldwright.pipeline.folder import explain
from foldwright.pipeline.infer import Runner, build
from foldwright.pipeline.plan import Network, Plan
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.question import job_digest, prediction_digest
from foldwright.pipeline.rank import Confidence
from foldwright.pipeline.results import FailedJob, Prediction, prediction_name
from foldwright.pipeline.stages import Stages
from foldwright.pipeline.write import Writer, read_prediction

NOT_TRAINED = "generated parameters: the coordinates mean nothing"


@dataclass
class Run:
    """The state of a run: what is finished, and what failed."""

    plan: Plan
    report: Silent
    is_overwriting: bool = False
    confidences: dict[str, dict[str, Confidence]] = field(default_factory=dict)  # by job and prediction
    failed: set[str] = field(default_factory=set)
    keys: dict[tuple[str, str, int], str] = field(default_factory=dict)
    featuriser: Featuriser = field(default_factory=Featuriser)

    def results(self) -> Iterator[Prediction | FailedJob]:
        """Every prediction and every failure as it happens; the files of a prediction are complete by then."""
        self.ask()
        running = {job.name.casefold() for job in self.plan.jobs}
        for failure in self.plan.failures:
            yield self.fail(failure.job, failure.error, owns_folder=failure.job.casefold() not in running)
        if self.plan.options.precision == "bfloat16" and not kernels.has_bfloat16(self.plan.device.type):
            self.report.warn("--precision bfloat16", "emulated on this device, many times slower. Use auto or float32.")
        for job in self.plan.jobs:
            for warning in warnings_of(job):
                self.report.warn(job.name, warning)
        try:
            for network in self.plan.networks:
                yield from self.results_of(network)
        finally:
            self.report.close()

    def ask(self) -> None:
        """Digest every question once."""
        options, digests = self.plan.options, {job.name: job_digest(job) for job in self.plan.jobs}
        for network in self.plan.networks:
            for job in network.jobs:
                for seed in options.seeds:
                    key = prediction_digest(network, digests[job.name], seed, options.precision)
                    self.keys[network.name, job.name, seed] = key

    def is_done(self, network: Network, job: Job, seed: int) -> bool:
        """Whether this prediction is in its folder and may stay."""
        folder = self.plan.folder(job.name)
        if folder is None or self.is_overwriting:
            return False
        return folder.is_done(prediction_name(network.name, seed), self.keys[network.name, job.name, seed])

    def results_of(self, network: Network) -> Iterator[Prediction | FailedJob]:
        """All jobs of one network, which is loaded if at least one prediction is not there yet."""
        loading, runner = Stages(self.plan.device), None
        jobs = [job for job in network.jobs if job.name not in self.failed]
        seeds = self.plan.options.seeds
        try:
            if not all(self.is_done(network, job, seed) for job in jobs for seed in seeds):
                with loading.measure("weights"):
                    runner = Runner(network, build(network, self.plan.device), self.plan, loading, self.report)
        except Exception as error:
            for job in jobs:
                yield self.fail(job.name, error)
            return
        for job in jobs:
            yield from self.results_of_job(network, job, runner)

    def results_of_job(self, network: Network, job: Job, runner: Runner | None) -> Iterator[Prediction | FailedJob]:
        """Every seed of one job with one network."""
        try:
            for seed in self.plan.options.seeds:
                interrupts.check()
                done = self.is_done(network, job, seed)
                prediction = self.kept(network, job, seed) if done else self.made(job, seed, runner)
                self.confidences.setdefault(job.name, {})[prediction.name] = prediction.scores.for_ranking
                yield prediction
            self.finish_if_last(network, job)
        except Exception as error:
            yield self.fail(job.name, error)
        except (KeyboardInterrupt, SystemExit):
            if folder := self.plan.folder(job.name):
                with suppress(InputError):
                    folder.set_status("interrupted")
            raise

    def kept(self, network: Network, job: Job, seed: int) -> Prediction:
        """A prediction that is there, read from its files."""
        folder = self.plan.folder(job.name)
        assert folder is not None
        self.report.skip(job.name, prediction_name(network.name, seed))
        return read_prediction(folder, job.name, network.name, seed)

    def made(self, job: Job, seed: int, runner: Runner | None) -> Prediction:
        """A new prediction, in its folder if there is one."""
        assert runner is not None
        folder = self.plan.folder(job.name)
        if folder:
            folder.set_status("running")
        stages = runner.new_stages()
        with stages.measure("features"):
            example = self.featuriser(job, runner.network, self.plan)
        prediction = runner.predict(job, example, seed, stages)
        if folder:
            key = self.keys[runner.network.name, job.name, seed]
            prediction = Writer(folder, job, runner.network, self.plan).write(prediction, key, stages)
        seconds = sum(stages.seconds.values())
        where = str(folder.file(f"{prediction.name}.cif")) if folder else ""
        says = str(prediction.scores) + (f" · {NOT_TRAINED}" if runner.network.source.is_rule else "")
        self.report.finish(job.name, prediction.name, where, says, seconds)
        return prediction

    def finish_if_last(self, network: Network, job: Job) -> None:
        """Rank the job's predictions once no network is left to add one."""
        folder = self.plan.folder(job.name)
        last = [other for other in self.plan.networks if job in other.jobs][-1]
        if folder and network is last:
            folder.finish(self.confidences[job.name])

    def fail(self, job: str, error: Exception, owns_folder: bool = True) -> FailedJob:
        """Note a failure, in the job's folder too unless another job has it."""
        self.report.fail(job, explain(error))
        folder = self.plan.folder(job)
        if owns_folder:
            self.failed.add(job)
            if folder:
                with suppress(InputError):  # where nothing can be written any more, the message above has to do
                    folder.set_failed(error)
        return FailedJob(job=job, error=error)


def run(plan: Plan, report: Silent | None = None, is_overwriting: bool = False) -> Iterator[Prediction | FailedJob]:
    """Do what was planned; predictions and failures come as they happen.

    A prediction that is in its folder already, made from the same input, options and weights, is read and not made
    again, unless `is_overwriting`.
    """
    return Run(plan, report or Silent(), is_overwriting).results()
