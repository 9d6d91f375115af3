"""What will be done: which networks on which jobs, with what parameters, where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from foldwright.io.job import Job
from foldwright.models.af2.config import AF2
from foldwright.pipeline.folder import JobFolder
from foldwright.pipeline.options import Options
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.sources import Source


@dataclass(frozen=True)
class Network:
    """One model as it will be built."""

    name: str
    config: AF2
    source: Source


@dataclass(frozen=True)
class Task:
    """One job and the networks that it is given to; `keys` digest what each prediction answers, by its name."""

    job: Job
    networks: tuple[Network, ...]
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Residues of all chains."""
        return self.job.num_residues


@dataclass(frozen=True)
class Plan:
    """A request that was checked; nothing of it is begun."""

    tasks: tuple[Task, ...]
    options: Options
    device: torch.device
    out: Path | None  # None: nothing is written
    failures: tuple[FailedJob, ...] = ()

    @property
    def jobs(self) -> list[Job]:
        """Every job, in the order of the input."""
        return [task.job for task in self.tasks]

    def folder(self, job: str) -> JobFolder | None:
        """Where the results of a job go, if they are written at all."""
        return None if self.out is None else JobFolder(self.out / job)
