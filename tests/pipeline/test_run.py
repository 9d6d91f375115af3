"""The queue: in which order jobs are taken, what is searched together, and what happens to them when others fail."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job
from foldwright.models.af2.presets import preset
from foldwright.pipeline import run as module
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.options import Options
from foldwright.pipeline.plan import Network, Plan, Task
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.run import Run, in_order
from foldwright.pipeline.searching import Searched
from foldwright.pipeline.sources import Source
from foldwright.pipeline.states import Manifest, take
from foldwright.weights.store import WeightsInfo


class Said(Silent):
    """Remembers what a person is told."""

    def __init__(self):
        self.failures, self.warnings = {}, {}

    def fail(self, job, why):
        self.failures[job] = why

    def warn(self, job, text):
        self.warnings[job] = text


class FakeWorker:
    """Predicts by writing that it is done; what it shall raise is said by job."""

    def __init__(self, plan):
        self.plan, self.order, self.raises, self.complete = plan, [], {}, set()

    def is_complete(self, task):
        return task.job.name in self.complete

    def predict(self, task, searched):
        name = task.job.name
        self.order.append((name, searched))
        if name in self.raises:
            raise self.raises[name]
        self.plan.folder(name).set_status("done")
        return [f"prediction of {name}"]


def network(name):
    info = WeightsInfo(source="rule", sha256="", format="rule", preset=name, licence="")
    return Network(name, preset("model_1_ptm"), Source("rule", info))


def plan_of(out, *lengths, names="abcdefghijklmnopqrstuvwxyz", networks=("m",)):
    jobs = [Job(names[i], (ChainInput("A" * length),)) for i, length in enumerate(lengths)]
    tasks = tuple(Task(job, tuple(map(network, networks)), {}) for job in jobs)
    return Plan(tasks, Options(evidence=evidence_of()), torch.device("cpu"), out)


@pytest.fixture
def searches(monkeypatch):
    """The names of the jobs of every batch that was searched; nothing is truly searched."""
    batches = []

    def search_jobs(jobs, evidence):
        if jobs:
            batches.append([job.name for job in jobs])
        return [Searched(job, ()) for job in jobs]

    monkeypatch.setattr(module, "search_jobs", search_jobs)
    return batches


@pytest.fixture
def start(tmp_path, searches):
    """A run over jobs of the given lengths, its worker a fake."""

    def start(*lengths, on_end=None):
        plan = plan_of(tmp_path, *lengths)
        run = Run(plan, Said(), on_end=on_end)
        run.worker = FakeWorker(plan)
        return run

    return start


def status(folder, job):
    return json.loads((folder / job / "status.json").read_text())["status"]


def test_jobs_of_the_same_networks_stand_together_and_short_ones_come_first():
    tasks = (*plan_of(None, 30, 10, 20).tasks, *plan_of(None, 5, 4, names="xy", networks=("n",)).tasks)
    tasks = (tasks[0], tasks[3], *tasks[1:3], tasks[4])
    assert [task.job.name for task in in_order(tasks, None)] == ["b", "c", "a", "y", "x"]


def test_a_job_in_which_a_process_ended_without_a_word_comes_last(tmp_path):
    plan = plan_of(tmp_path, 10, 20, 30)
    plan.folder("a").set_status("predicting")
    plan.folder("b").set_status("interrupted")
    assert [task.job.name for task in in_order(plan.tasks, Manifest(tmp_path))] == ["b", "c", "a"]


def test_the_first_job_is_searched_alone_and_later_ones_share_passes(start, searches):
    run = start(*range(10, 20))
    assert len(list(run.results())) == 10
    assert [len(batch) for batch in searches] == [1, 2, 4, 3]
    assert [name for name, _ in run.worker.order] == list("abcdefghij")
    assert all(isinstance(searched, Searched) for _, searched in run.worker.order)


def test_what_is_complete_is_not_searched(start, searches):
    run = start(10, 11, 12)
    run.worker.complete = {"a", "c"}
    list(run.results())
    assert searches == [["b"]]
    assert [(name, searched is None) for name, searched in run.worker.order] == [("a", True), ("b", False), ("c", True)]


def test_one_failure_costs_no_other_job(start, tmp_path):
    run = start(10, 11, 12)
    run.worker.raises = {"b": RuntimeError("poison")}
    found = list(run.results())
    assert [type(item) for item in found] == [str, FailedJob, str]
    assert [status(tmp_path, name) for name in "abc"] == ["done", "failed", "done"]
    assert run.report.failures == {"b": "RuntimeError: poison"}


def test_a_failed_search_is_a_failed_job(start, tmp_path, monkeypatch):
    def search_jobs(jobs, evidence):
        return [InputError("no such database") if job.name == "b" else Searched(job, ()) for job in jobs]

    monkeypatch.setattr(module, "search_jobs", search_jobs)
    run = start(10, 11, 12)
    list(run.results())
    assert [status(tmp_path, name) for name in "abc"] == ["done", "failed", "done"]
    assert [name for name, _ in run.worker.order] == ["a", "c"]


def test_an_interrupt_lets_everything_go_and_says_what_was_cut_short(start, tmp_path):
    run = start(10, 11, 12)
    run.worker.raises = {"b": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        list(run.results())
    assert status(tmp_path, "a") == "done"
    assert status(tmp_path, "b") == "interrupted"
    assert run.held == {}
    states = {job.entry.name: job.state for job in Manifest(tmp_path).states()}
    assert states == {"a": "done", "b": "interrupted", "c": "waiting"}


def test_whoever_stops_reading_leaves_a_finished_job_finished(start, tmp_path):
    results = start(10, 11, 12).results()
    assert next(results) == "prediction of a"
    results.close()
    assert status(tmp_path, "a") == "done"


def test_a_job_of_another_process_is_left_to_it(start, tmp_path):
    handle = take(tmp_path / ".locks" / "b")
    run = start(10, 11, 12)
    assert len(list(run.results())) == 2
    assert [name for name, _ in run.worker.order] == ["a", "c"]
    assert "another process" in run.report.warnings["b"]
    os.close(handle)
    again = start(10, 11, 12)
    assert len(list(again.results())) == 3


def test_a_job_that_another_process_finished_meanwhile_is_taken_over(start, tmp_path, monkeypatch):
    handle = take(tmp_path / ".locks" / "a")
    run = start(10, 11)
    predict = run.worker.predict

    def free_first(task, searched):
        if task.job.name == "b":
            os.close(handle)
        return predict(task, searched)

    monkeypatch.setattr(run.worker, "predict", free_first)
    list(run.results())
    assert [name for name, _ in run.worker.order] == ["b", "a"]


def test_the_end_of_every_job_is_told_and_its_listener_harms_no_job(start, tmp_path):
    ended = []

    def listen(folder: Path):
        ended.append(folder.name)
        raise RuntimeError("no page")

    run = start(10, 11, on_end=listen)
    run.worker.raises = {"b": RuntimeError("poison")}
    list(run.results())
    assert ended == ["a", "b"]
    assert status(tmp_path, "a") == "done"
    assert "no page" in run.report.warnings["a"]


def test_all_jobs_are_listed_before_the_first_begins(start, tmp_path):
    run = start(10, 11)
    listed = []
    predict = run.worker.predict
    run.worker.predict = lambda *of: (listed.append([e.name for e in Manifest(tmp_path).entries()]), predict(*of))[1]
    list(run.results())
    assert listed == [["a", "b"]] * 2


def test_nothing_is_written_without_a_folder(searches):
    plan = plan_of(None, 10)
    run = Run(plan, Said())
    run.worker = FakeWorker(plan)
    run.worker.predict = lambda task, searched: [task.job.name]
    assert list(run.results()) == ["a"]


def test_the_parts_of_a_run_can_be_sent_to_other_processes(tmp_path):
    import pickle

    plan = plan_of(tmp_path, 10)
    task = replace(plan.tasks[0], networks=())
    for item in (replace(plan, tasks=()), task, Searched(task.job, ())):
        assert pickle.loads(pickle.dumps(item)) == item
