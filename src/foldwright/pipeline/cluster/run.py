"""A run whose jobs are done by the machines of a Ray cluster: who does what next, and what is done again."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import torch

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.pipeline.cluster.connect import Machine, connected
from foldwright.pipeline.cluster.crew import TRIES, Crew, Lost, Member
from foldwright.pipeline.cluster.remote import Setting
from foldwright.pipeline.plan import Task
from foldwright.pipeline.results import FailedJob, Prediction
from foldwright.pipeline.run import MAX_BATCH, Run
from foldwright.pipeline.states import INTERRUPTED, LOCKS, SEARCHING, WAITING

ATTEMPTS = 3  # of a job whose process or machine is lost
MOST_HELD = 256  # jobs searched and not predicted yet: each has an open lock
READY_FOR_EACH = 2  # jobs that wait for each process, where nothing is searched
PATIENCE = 120.0  # seconds without any machine before the run ends
TURN = 1.0  # seconds between two looks at the cluster
FAREWELL = 10.0  # seconds in which a process that was told to end does

Ended = Iterator[Prediction | FailedJob]


@dataclass(frozen=True, eq=False)
class Probe:
    """A machine is asked whether it is fit."""

    machine: Machine


@dataclass(frozen=True, eq=False)
class Hire:
    """A process is being started."""

    member: Member


@dataclass(frozen=True, eq=False)
class Search:
    """Jobs are searched together; `found` are the places of the results, in the cluster."""

    machine: Machine
    tasks: Sequence[Task]
    found: Sequence[Any]


@dataclass(frozen=True, eq=False)
class Work:
    """A process predicts a job."""

    member: Member
    task: Task


@dataclass
class RayRun(Run):
    """A run on a cluster. Locks, states and failures are kept here; machines search, predict and write the files."""

    address: str | None = None
    waiting: deque[Task] = field(default_factory=deque)  # nothing is begun
    queue: deque[tuple[Task, Any]] = field(default_factory=deque)  # with the place of what was found, if searched
    doing: dict[Any, Probe | Hire | Search | Work] = field(default_factory=dict)  # by what tells that it is over
    losses: Counter[str] = field(default_factory=Counter)
    batch_size: int = 1

    def warn_of_device(self) -> None:
        """Nothing: what the machines lend is not known when the run begins."""

    def work(self, tasks: Sequence[Task]) -> Ended:
        """Every job to its end; what is complete needs no cluster."""
        complete = [task for task in tasks if self.plan.options.relax == "none" and self.worker.is_complete(task)]
        yield from super().work(complete)
        self.elsewhere = []
        names = {task.job.name for task in complete}
        self.waiting.extend(task for task in tasks if task.job.name not in names)
        if self.waiting:
            with connected(self.address), self.seen_by_all() as mark:
                self.crew = Crew(replace(self.plan, tasks=(), failures=()), Setting(), self.is_overwriting, mark)
                try:
                    yield from self.on_cluster()
                finally:
                    self.stop()

    @contextmanager
    def seen_by_all(self) -> Iterator[Path | None]:
        """A file by which machines can show that they see the folder of results."""
        if self.plan.out is None:
            yield None
            return
        (self.plan.out / LOCKS).mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.plan.out / LOCKS, prefix="_ray") as file:
            yield Path(file.name)

    def on_cluster(self) -> Ended:
        """Give out what there is to do until nothing is left."""
        self.look()
        self.choose_device()
        alone = 0.0  # seconds
        while self.waiting or self.queue or self.is_at_work or self.take_left_over():
            self.look()
            self.start_searches()
            self.start_predictions()
            alone = 0.0 if self.doing else alone + TURN
            if alone > PATIENCE:
                remedy = "Start it again and give the same command."
                raise InputError("no machine of the cluster is left.", field="--engine ray", remedy=remedy)
            for place in self.over():
                yield from self.end_of(place, self.doing.pop(place))

    @property
    def is_at_work(self) -> bool:
        return any(isinstance(what, Search | Work) for what in self.doing.values())

    def look(self) -> None:
        """Notice machines that came or went, and start processes on those that are fit."""
        for machine in self.crew.look():
            self.doing[self.crew.probe(machine)] = Probe(machine)
        self.crew.require_machines()
        for member, place in self.crew.hire(most=len(self.waiting) + len(self.held)):
            self.doing[place] = Hire(member)

    def choose_device(self) -> None:
        """GPUs if the cluster has any and they are not forbidden; never both kinds, whose results differ.

        Raises:
            InputError: they were asked for and there are none.
        """
        has_gpus = any(machine.gpus for machine in self.crew.machines.values())
        asked = self.plan.options.device
        if asked == "cuda" and not has_gpus:
            remedy = "Use --device auto or cpu, or start Ray on machines that have them."
            raise InputError("the cluster lends no GPUs.", field="--device", remedy=remedy)
        device = torch.device("cuda" if has_gpus and asked != "cpu" else "cpu")
        self.crew.plan = replace(self.crew.plan, device=device)
        self.report.job("ray", self.crew.summary)

    def start_searches(self) -> None:
        """One batch on every machine that searches nothing yet."""
        searching = {what.machine.node for what in self.doing.values() if isinstance(what, Search)}
        for machine in self.crew.working_machines:
            if machine.node not in searching and self.has_room():
                self.start_search(machine, self.next_batch())

    def has_room(self) -> bool:
        """Whether more jobs may be begun."""
        is_enough = len(self.queue) >= max(READY_FOR_EACH * len(self.crew.members), MAX_BATCH)
        return bool(self.waiting) and not is_enough and len(self.held) < MOST_HELD

    def next_batch(self) -> list[Task]:
        """Jobs to search together: first one, then more and more; one that was lost once is searched alone."""
        share = max(1, ceil(len(self.waiting) / len(self.crew.working_machines)))
        size, batch = min(self.batch_size, share), []
        while self.waiting and len(batch) < size:
            task = self.waiting.popleft()
            if not self.hold(task):
                self.elsewhere.append(task)
            elif not self.is_searched(task):
                self.queue.append((task, None))
            else:
                batch.append(task)
            if self.losses[task.job.name] or not self.has_room():
                break
        self.batch_size = min(2 * size, MAX_BATCH)
        return batch

    def is_searched(self, task: Task) -> bool:
        """Whether something has to be searched before a job is predicted."""
        return bool(self.plan.options.evidence.searched_sequences(task.job)) and not self.worker.is_complete(task)

    def start_search(self, machine: Machine, batch: Sequence[Task]) -> None:
        if not batch:
            return
        for task in batch:
            self.set_status(task.job.name, SEARCHING)
        what = ([task.job for task in batch], self.plan.options.evidence)
        over, *found = self.crew.search_on(machine, *what, num_results=1 + len(batch))
        self.doing[over] = Search(machine, batch, found)

    def start_predictions(self) -> None:
        """A job for every process that has none."""
        for member in [member for member in self.crew.members if member.is_idle]:
            if self.queue:
                member.is_idle = False
                task, found = self.queue.popleft()
                self.doing[member.actor.predict.remote(task, found)] = Work(member, task)

    def over(self) -> list[Any]:
        """What has come to an end; waits a turn for it."""
        interrupts.check()
        if self.doing:
            return self.crew.over(list(self.doing), TURN)
        time.sleep(TURN)
        return []

    def end_of(self, place: Any, what: Probe | Hire | Search | Work) -> Ended:
        """Take note of what is over."""
        try:
            result = self.crew.result(place)
        except Lost as error:
            yield from self.lost(what, error)
            return
        match what:
            case Probe(machine):
                self.judge(machine, result)
            case Hire(member):
                member.is_idle = True
            case Search(_, tasks, found):
                for task, one in zip(tasks, found, strict=True):
                    self.set_status(task.job.name, WAITING)
                    self.queue.append((task, one))
            case Work(member, task):
                member.is_idle = True
                result.tell(self.report)
                yield from self.ended(task, result.made)

    def lost(self, what: Probe | Hire | Search | Work, error: Lost) -> Ended:
        """Do again elsewhere what a process took with it."""
        match what:
            case Probe(machine):
                self.judge(machine, str(error))
            case Hire(member):
                self.crew.dismiss(member)
                self.crew.failures[member.machine.node] += 1
                if self.crew.failures[member.machine.node] >= TRIES:
                    self.judge(member.machine, f"no process could be started: {error}")
            case Search(_, tasks, _):
                for task in tasks:
                    yield from self.again(task, error)
            case Work(member, task):
                self.crew.dismiss(member)
                yield from self.again(task, error)

    def judge(self, machine: Machine, why: str) -> None:
        """Use a machine or say why not; one that is gone needs no reason."""
        self.crew.judge(machine, why)
        if why:
            self.report.warn(machine.host, f"not used: {why}.")

    def again(self, task: Task, error: Lost) -> Ended:
        """A job whose process was lost comes last, for it may be to blame; a few times."""
        name = task.job.name
        self.losses[name] += 1
        if self.losses[name] == ATTEMPTS:
            yield from self.ended(task, Lost(f"lost {ATTEMPTS} times, the last time because {error}"))
            return
        self.report.warn(name, f"begun once more, because {error}.")
        self.set_status(name, WAITING)
        self.held.pop(name).close()
        self.waiting.append(task)

    def ended(self, task: Task, made: Sequence[Any] | Exception) -> Ended:
        """One job has ended."""
        name = task.job.name
        yield from [self.fail(name, made)] if isinstance(made, Exception) else made
        self.held.pop(name).close()
        self.end(name)

    def take_left_over(self) -> bool:
        """Whether jobs that another process held are ours now."""
        left, self.elsewhere = self.elsewhere, []
        for task in left:
            if self.is_left_over(task):
                self.held.pop(task.job.name).close()  # it is held again when it is begun
                self.waiting.append(task)
        return bool(self.waiting)

    def stop(self) -> None:
        """End what is under way, and say of whom it was cut short."""
        searches = [place for place, what in self.doing.items() if isinstance(what, Probe | Search)]
        self.crew.stop(searches, list(self.doing), FAREWELL)
        for what in self.doing.values():
            if isinstance(what, Work):
                self.set_status(what.task.job.name, INTERRUPTED)
