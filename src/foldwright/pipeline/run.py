"""From a checked plan to results: every job is searched, predicted, and ends as done or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from foldwright import kernels
from foldwright.errors import InputError
from foldwright.pipeline.ahead import Ahead
from foldwright.pipeline.folder import explain
from foldwright.pipeline.plan import Plan, Task
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import FailedJob, Prediction
from foldwright.pipeline.searching import require_searched, search_jobs
from foldwright.pipeline.states import FAILED, INTERRUPTED, SEARCHING, WAITING, Entry, Manifest
from foldwright.pipeline.worker import Worker

MAX_BATCH = 32  # jobs whose searches share a pass over a database

# A job and all that it is predicted from, in the form of its family, or why there is no such thing; None: complete,
# nothing had to be searched.
Ready = tuple[Task, Any]


@dataclass
class Run:
    """The state of a run: who works, what is held, what failed."""

    plan: Plan
    report: Silent
    is_overwriting: bool = False
    on_end: Callable[[Path], object] | None = None
    held: dict[str, ExitStack] = field(default_factory=dict)  # the locks of the jobs at work
    elsewhere: list[Task] = field(default_factory=list)  # jobs that another process held

    def __post_init__(self):
        self.worker = self.make_worker()
        self.manifest = None if self.plan.out is None else Manifest(self.plan.out)

    def make_worker(self) -> Worker:
        """Who predicts the jobs."""
        return Worker(replace(self.plan, tasks=()), self.report, self.is_overwriting)

    def is_searched(self, task: Task) -> bool:
        """Whether something has to be looked for that this job does not bring."""
        return bool(self.plan.options.evidence.searched_sequences(task.job))

    def search(self, tasks: Sequence[Task]) -> Sequence[Any]:
        """What these jobs will be predicted from, all at once; a failure stands in its place."""
        return search_jobs([task.job for task in tasks], self.plan.options.evidence)

    def results(self) -> Iterator[Prediction | FailedJob]:
        """Every prediction and every failure as it happens; the files of a prediction are complete by then."""
        tasks = in_order(self.plan.tasks, self.manifest)
        running = {task.job.name.casefold() for task in tasks}
        for failure in self.plan.failures:
            yield self.fail(failure.job, failure.error, owns_folder=failure.job.casefold() not in running)
        if self.manifest:
            unread = [Entry(name=f.job) for f in self.plan.failures if f.job.casefold() not in running]
            self.manifest.add([*map(Entry.of_task, self.plan.tasks), *unread])
        self.warn_of_device()
        try:
            yield from self.work(tasks)
        finally:
            self.report.close()
            self.let_go()

    def warn_of_device(self) -> None:
        """Say what the device does badly."""
        if self.plan.options.precision == "bfloat16" and not kernels.has_bfloat16(self.plan.device.type):
            self.report.warn("--precision bfloat16", "emulated on this device, many times slower. Use auto or float32.")

    def work(self, tasks: Sequence[Task]) -> Iterator[Prediction | FailedJob]:
        """Every job to its end, and then those that others left."""
        for task, searched in chain(self.ready(tasks), self.left_over()):
            yield from self.results_of(task, searched)

    def ready(self, tasks: Sequence[Task]) -> Iterator[Ready]:
        """The jobs as their searches end. Without anything to search there is no thread."""
        if not any(map(self.is_searched, tasks)):
            yield from one_by_one(self.batches(tasks, largest=1))
            return
        ahead = Ahead(self.batches(tasks, largest=MAX_BATCH), self.report.wait)
        try:
            yield from one_by_one(ahead)
        finally:
            ahead.stop()

    def batches(self, tasks: Sequence[Task], largest: int) -> Iterator[list[Ready]]:
        """Jobs searched together: first one, so that the network can begin, then more and more, to share passes."""
        size, left = 1, list(tasks)
        while left:
            batch, left = left[:size], left[size:]
            mine = [task for task in batch if self.hold(task)]
            self.elsewhere += [task for task in batch if task.job.name not in self.held]
            yield self.searched(mine)
            size = min(2 * size, largest)

    def left_over(self) -> Iterator[Ready]:
        """The jobs that another process held, once all others are done: it may have ended by now."""
        for task in self.elsewhere:
            if self.is_left_over(task):
                yield from self.searched([task])

    def is_left_over(self, task: Task) -> bool:
        """Whether a job that another process held is ours now."""
        if self.manifest and self.manifest.written_state(task.job.name) == FAILED:
            self.report.warn(task.job.name, "failed in another process that works here.")
        elif self.hold(task):
            return True
        else:
            self.report.warn(task.job.name, "another process works on this job; it is left to that one.")
        return False

    def searched(self, tasks: Sequence[Task]) -> list[Ready]:
        """The jobs with what was found for them; those that are complete need nothing."""
        open_tasks = [task for task in tasks if not self.worker.is_complete(task)]
        for task in open_tasks:
            self.set_status(task.job.name, SEARCHING if self.is_searched(task) else WAITING)
        found = dict(zip((task.job.name for task in open_tasks), self.search(open_tasks), strict=True))
        for task in open_tasks:
            self.set_status(task.job.name, WAITING)
        return [(task, found.get(task.job.name)) for task in tasks]

    def results_of(self, task: Task, searched: Any) -> Iterator[Prediction | FailedJob]:
        """One job to its end."""
        name = task.job.name
        try:
            yield from self.worker.predict(task, None if searched is None else require_searched(searched))
        except Exception as error:
            yield self.fail(name, error)
        except (KeyboardInterrupt, SystemExit):
            self.set_status(name, INTERRUPTED)
            self.held.pop(name).close()
            raise
        self.held.pop(name).close()
        self.end(name)

    def hold(self, task: Task) -> bool:
        """Whether this job is now ours; no other process begins it until we let it go."""
        stack = ExitStack()
        if self.manifest and not stack.enter_context(self.manifest.lock(task.job.name)):
            return False
        self.held[task.job.name] = stack
        return True

    def let_go(self) -> None:
        """Give up what is held: jobs that were searched and not predicted wait again."""
        for name, stack in list(self.held.items()):
            if self.manifest and self.manifest.written_state(name) == SEARCHING:
                self.set_status(name, WAITING)
            stack.close()
            del self.held[name]

    def set_status(self, job: str, status: str) -> None:
        """Note how a job stands; where that cannot be written, the job will fail when it has something to say."""
        if folder := self.plan.folder(job):
            with suppress(InputError):
                folder.set_status(status)

    def fail(self, job: str, error: Exception, owns_folder: bool = True) -> FailedJob:
        """Note a failure, in the job's folder too unless another job has it."""
        self.report.fail(job, explain(error))
        folder = self.plan.folder(job)
        if owns_folder and folder:
            with suppress(InputError):  # where nothing can be written any more, the message above has to do
                folder.set_failed(error)
        return FailedJob(job=job, error=error)

    def end(self, job: str) -> None:
        """Tell whoever wants to know that a job has ended; what they do with it is no part of its success."""
        folder = self.plan.folder(job)
        if self.on_end is None or folder is None:
            return
        try:
            self.on_end(folder.path)
        except Exception as error:
            self.report.warn(job, explain(error))


def one_by_one(batches: Iterable[list[Ready]]) -> Iterator[Ready]:
    """The jobs of batches; each is forgotten once it was given away, for alignments are large."""
    for batch in batches:
        batch.reverse()
        while batch:
            yield batch.pop()


def in_order(tasks: Sequence[Task], manifest: Manifest | None) -> list[Task]:
    """Jobs of the same networks together, short ones first; last those in which an earlier run ended without a word."""
    first = {network.name: i for i, network in reversed(list(enumerate(n for t in tasks for n in t.networks)))}

    def place(task: Task) -> tuple[bool, list[int], int]:
        was_lost = manifest is not None and manifest.was_lost(task.job.name)
        return was_lost, [first[network.name] for network in task.networks], task.size

    return sorted(tasks, key=place)


def run(
    plan: Plan,
    report: Silent | None = None,
    is_overwriting: bool = False,
    on_end: Callable[[Path], object] | None = None,
    kind: Callable[..., Run] = Run,
) -> Iterator[Prediction | FailedJob]:
    """Do what was planned; predictions and failures come as they happen.

    A prediction that is in its folder already, made from the same input, options and weights, is read and not made
    again, unless `is_overwriting`. `on_end` is given the folder of every job that has ended, well or not;
    `kind` says where the work is done.
    """
    return kind(plan, report or Silent(), is_overwriting, on_end).results()
