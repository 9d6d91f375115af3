"""What is done on the machines of a cluster. Everything here is sent there; nothing here knows Ray."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from foldwright import kernels
from foldwright.io.job import Job
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.folder import explain
from foldwright.pipeline.plan import Plan, Task
from foldwright.pipeline.prepare import find_device
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.records import versions
from foldwright.pipeline.results import Prediction
from foldwright.pipeline.searching import Searched, require_searched, search_jobs
from foldwright.pipeline.worker import Worker

PREFIX = "FOLDWRIGHT_"


@dataclass(frozen=True)
class Setting:
    """Where and how the command was given, so that its paths mean the same on every machine."""

    folder: Path = field(default_factory=Path.cwd)
    command: Sequence[str] = field(default_factory=lambda: list(sys.argv))
    variables: Mapping[str, str] = field(
        default_factory=lambda: {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    )
    versions: Mapping[str, str] = field(default_factory=versions)
    threads: int = field(default_factory=torch.get_num_threads)  # the last digits of sums depend on their number

    def enter(self) -> None:
        """Make this process one as if the command had been given to it."""
        os.chdir(self.folder)
        os.environ.update(self.variables)
        sys.argv = list(self.command)
        torch.set_num_threads(self.threads)


def why_unfit(setting: Setting, mark: Path | None) -> str:
    """Why the process that this is called in cannot make the same files as others; empty if it can.

    mark  a file that was just made in the folder of results
    """
    ours = versions()
    different = [
        f"{name} {ours.get(name)} (not {value})" for name, value in setting.versions.items() if ours.get(name) != value
    ]
    if different:
        return f"it has {', '.join(different)}"
    try:
        setting.enter()
    except OSError as error:
        return f"the folder {setting.folder} cannot be entered there: {error.strerror}"
    if mark and not mark.is_file():
        return f"it does not see the results in {mark.parent.absolute()}: they must be on a file system that all share"
    return ""


def search(setting: Setting, jobs: Sequence[Job], evidence: Evidence) -> list[Any]:
    """None, which says that this is over, then what was found for each job or why nothing was."""
    setting.enter()
    return [None, *map(sendable, search_jobs(jobs, evidence))]


class Remembered(Silent):
    """Keeps what a person is to be told until it can be sent to where that person is."""

    def __init__(self):
        self.said: list[tuple[str, tuple[Any, ...]]] = []

    def job(self, *words: Any) -> None:
        self.said.append(("job", words))

    def finish(self, *words: Any) -> None:
        self.said.append(("finish", words))

    def skip(self, *words: Any) -> None:
        self.said.append(("skip", words))

    def warn(self, *words: Any) -> None:
        self.said.append(("warn", words))

    def taken(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was said since this was last asked."""
        said, self.said = self.said, []
        return said


@dataclass(frozen=True)
class Answer:
    """How one job ended: its predictions or why there are none; and what there is to say."""

    made: list[Prediction] | Exception
    said: list[tuple[str, tuple[Any, ...]]]

    def tell(self, report: Silent) -> None:
        for event, words in self.said:
            getattr(report, event)(*words)


class Predictor:
    """A process that keeps its networks and predicts job after job."""

    def __init__(self, setting: Setting, plan: Plan, is_overwriting: bool):
        setting.enter()
        kernels.keep_large_allocations()
        self.report = Remembered()
        plan = replace(plan, device=find_device(plan.device.type))
        self.worker = Worker(plan, self.report, is_overwriting)

    def is_ready(self) -> bool:
        return True

    def predict(self, task: Task, searched: Searched | Exception | None) -> Answer:
        """All of one job. What did not have to be searched is completed here."""
        try:
            if searched is None and not self.worker.is_complete(task):
                searched = search_jobs([task.job], self.worker.plan.options.evidence)[0]
            made = self.worker.predict(task, None if searched is None else require_searched(searched))
        except Exception as error:
            return Answer(sendable(error), self.report.taken())
        return Answer(made, self.report.taken())


def sendable(result: Any) -> Any:
    """The same; an exception with the place where it arose, or what it says where it cannot be sent itself."""
    if not isinstance(result, Exception):
        return result
    trace = "".join(traceback.format_exception(result))
    try:
        sent = pickle.loads(pickle.dumps(result))
    except Exception:
        sent = RuntimeError(explain(result))
    sent.add_note(trace)
    return sent
