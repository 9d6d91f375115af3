"""What will be done: which networks on which jobs, with what parameters, where."""

from __future__ import annotations

from dataclasses import dataclass
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
    """One model as it will be built, and the jobs it will run on."""

    name: str
    config: AF2
    source: Source
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Plan:
    """A request that was checked; nothing of it is begun."""

    networks: tuple[Network, ...]
    options: Options
    device: torch.device
    out: Path | None  # None: nothing is written
    failures: tuple[FailedJob, ...] = ()

    @property
    def jobs(self) -> list[Job]:
        """Every job once, in the order of the input."""
        return list({job.name: job for network in self.networks for job in network.jobs}.values())

    def folder(self, job: str) -> JobFolder | None:
        """Where the results of a job go, if they are written at all."""
        return None if self.out is None else JobFolder(self.out / job)
