"""From a checked plan of complexes to results: every job is searched, predicted, and ends as done or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from foldwright.pipeline.complexes.plan import ComplexPlan, ComplexTask
from foldwright.pipeline.complexes.results import ComplexPrediction
from foldwright.pipeline.complexes.searching import SearchedComplex, question_of, search_complexes
from foldwright.pipeline.complexes.worker import ComplexWorker
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.run import Run


@dataclass
class ComplexRun(Run):
    """The state of a run of complexes: who works, what is held, what failed."""

    plan: ComplexPlan

    def make_worker(self) -> ComplexWorker:
        return ComplexWorker(replace(self.plan, tasks=()), self.report, self.is_overwriting)

    def is_searched(self, task: ComplexTask) -> bool:
        return any(question_of(entity, self.plan.options.evidence) for entity in task.job.entities)

    def search(self, tasks: Sequence[ComplexTask]) -> list[SearchedComplex | Exception]:
        return search_complexes([task.job for task in tasks], self.plan.options.evidence)


def run_complexes(
    plan: ComplexPlan,
    report: Silent | None = None,
    is_overwriting: bool = False,
    on_end: Callable[[Path], object] | None = None,
) -> Iterator[ComplexPrediction | FailedJob]:
    """Do what was planned; see `foldwright.pipeline.run.run`."""
    results = ComplexRun(plan, report or Silent(), is_overwriting, on_end).results()
    return cast(Iterator[ComplexPrediction | FailedJob], results)
