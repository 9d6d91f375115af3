"""Who does what next on a cluster, and what is done again: held on machines that are made up here."""

import json
import os
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
import torch

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job
from foldwright.models.af2.presets import preset
from foldwright.pipeline.cluster import run as module
from foldwright.pipeline.cluster.connect import Machine
from foldwright.pipeline.cluster.crew import Crew, Lost, Member
from foldwright.pipeline.cluster.remote import Answer
from foldwright.pipeline.cluster.run import ATTEMPTS, RayRun
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.options import Options
from foldwright.pipeline.plan import Network, Plan, Task
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.searching import Searched
from foldwright.pipeline.sources import Source
from foldwright.pipeline.states import Manifest, take
from foldwright.weights.store import WeightsInfo


class Said(Silent):
    def __init__(self):
        self.failures, self.warnings = {}, {}

    def fail(self, job, why):
        self.failures[job] = why

    def warn(self, job, text):
        self.warnings.setdefault(job, []).append(text)


@dataclass(eq=False)
class Place:
    """Of a result that is there at once."""

    result: object


@dataclass(frozen=True)
class Told:
    """An answer that may hold anything."""

    made: object
    said: tuple = ()
    tell = Answer.tell


class World:
    """The machines, what they are given and what they answer; a job's answers are taken one after another."""

    def __init__(self):
        self.machines = [Machine("n1", "one", 4, 0), Machine("n2", "two", 4, 0)]
        self.unfit, self.answers, self.searches = {}, {}, {}
        self.searched, self.predicted, self.stopped = [], [], []

    def answer(self, folder, name):
        answers = self.answers.get(name)
        result = answers.pop(0) if answers else Told([f"prediction of {name}"])
        if isinstance(result, Told):
            folder(name).set_status("done")
        return Place(result)


class MadeUp(Crew):
    """A crew of processes that answer at once."""

    world: World

    def look(self):
        before, self.machines = self.machines, {machine.node: machine for machine in self.world.machines}
        return [machine for node, machine in self.machines.items() if node not in before]

    def probe(self, machine):
        return Place(self.world.unfit.get(machine.node, ""))

    def search_on(self, machine, jobs, evidence, num_results):
        names = [job.name for job in jobs]
        self.world.searched.append((machine.node, names))
        lost = [self.world.searches[name].pop(0) for name in names if self.world.searches.get(name)]
        return [Place(lost[0] if lost else None), *(Place(Searched(job, ())) for job in jobs)]

    def hire(self, most):
        hired = []
        for machine in self.working_machines:
            if len(self.members) < most and not any(m.machine.node == machine.node for m in self.members):
                self.members.append(Member(machine, Actor(self, machine)))
                hired.append((self.members[-1], Place(True)))
        return hired

    def dismiss(self, member):
        self.members.remove(member)
        self.world.stopped.append(member.machine.node)

    def over(self, places, seconds):
        return places

    def result(self, place):
        if isinstance(place.result, BaseException):
            raise place.result
        return place.result

    def stop(self, searches, places, seconds):
        for member in list(self.members):
            self.dismiss(member)


class Actor:
    """As Ray writes it: `actor.predict.remote(...)`."""

    def __init__(self, crew, machine):
        self.crew, self.machine, self.predict = crew, machine, self

    def remote(self, task, found):
        self.crew.world.predicted.append((task.job.name, self.machine.node, found is not None))
        return self.crew.world.answer(self.crew.plan.folder, task.job.name)


@pytest.fixture
def world(monkeypatch):
    MadeUp.world = World()
    monkeypatch.setattr(module, "Crew", MadeUp)
    monkeypatch.setattr(module, "connected", lambda address: nullcontext())
    monkeypatch.setattr(module, "TURN", 0.001)
    return MadeUp.world


def plan_of(out, *lengths, preset_of_search=None, **options):
    info = WeightsInfo(source="rule", sha256="", format="rule", preset="m", licence="")
    network = Network("m", preset("model_1_ptm"), Source("rule", info))
    jobs = [Job("abcdefghijklmnopqrstuvwxyz"[i], (ChainInput("A" * length),)) for i, length in enumerate(lengths)]
    tasks = tuple(Task(job, (network,), {"m_seed0": f"key of {job.name}"}) for job in jobs)
    return Plan(tasks, Options(evidence=evidence_of(preset=preset_of_search), **options), torch.device("cpu"), out)


@pytest.fixture
def start(tmp_path, world):
    def start(*lengths, **more):
        return RayRun(plan_of(tmp_path, *lengths, **more), Said())

    return start


def states(folder):
    return {state.entry.name: state.state for state in Manifest(folder).states()}


def test_every_job_is_searched_and_predicted_and_both_machines_work(start, world, tmp_path):
    run = start(*range(10, 20))
    assert sorted(run.results()) == [f"prediction of {name}" for name in "abcdefghij"]
    assert sorted(name for _, names in world.searched for name in names) == list("abcdefghij")
    assert len(world.searched[0][1]) == 1
    assert max(len(names) for _, names in world.searched) > 1
    assert {node for _, node, _ in world.predicted} == {"n1", "n2"}
    assert all(was_searched for *_, was_searched in world.predicted)
    assert set(states(tmp_path).values()) == {"done"}
    assert run.held == {}
    assert sorted(world.stopped) == ["n1", "n2"]


def test_what_is_given_is_not_searched(start, world):
    list(start(10, 11, preset_of_search="none").results())
    assert world.searched == []
    assert sorted(world.predicted) == [("a", "n1", False), ("b", "n2", False)]


def test_a_job_whose_process_is_lost_comes_once_more_and_last(start, world, tmp_path):
    world.answers["a"] = [Lost("the node died")]
    world.machines.pop()
    run = start(10, 11, 12)
    assert len(list(run.results())) == 3
    assert [name for name, *_ in world.predicted] == ["a", "b", "c", "a"]
    assert "the node died" in run.report.warnings["a"][0]
    assert set(states(tmp_path).values()) == {"done"}


def test_a_job_that_ends_every_process_fails_and_costs_no_other(start, world, tmp_path):
    world.answers["b"] = [Lost("killed")] * 9
    run = start(10, 11, 12)
    assert [item.job for item in run.results() if isinstance(item, FailedJob)] == ["b"]
    assert [name for name, *_ in world.predicted].count("b") == ATTEMPTS
    assert "killed" in run.report.failures["b"]
    assert states(tmp_path) == {"a": "done", "b": "failed", "c": "done"}


def test_jobs_of_a_lost_search_are_searched_one_by_one(start, world, tmp_path):
    world.machines.pop()
    world.searches["c"] = [Lost("killed")] * 9
    run = start(10, 11, 12)
    found = list(run.results())
    assert [names for _, names in world.searched] == [["a"], ["b", "c"], ["b"], ["c"], ["c"]]
    assert [item.job for item in found if isinstance(item, FailedJob)] == ["c"]
    assert states(tmp_path) == {"a": "done", "b": "done", "c": "failed"}


def test_why_a_job_failed_elsewhere_is_told_here(start, world, tmp_path):
    world.answers["a"] = [Told(InputError("too large", remedy="Take less."), (("warn", ("a", "beware")),))]
    run = start(10, 11)
    assert len(list(run.results())) == 2
    assert run.report.failures == {"a": "too large Take less."}
    assert run.report.warnings == {"a": ["beware"]}
    assert json.loads((tmp_path / "a" / "status.json").read_text())["type"] == "InputError"


def test_a_machine_that_is_not_fit_is_not_used(start, world):
    world.unfit["n1"] = "it does not see the results"
    run = start(10, 11, 12)
    assert len(list(run.results())) == 3
    assert {node for _, node, _ in world.predicted} == {node for node, _ in world.searched} == {"n2"}
    assert "does not see" in run.report.warnings["one"][0]


def test_without_any_fit_machine_nothing_begins(start, world, tmp_path):
    world.unfit = {"n1": "torch 1.0", "n2": "no such folder"}
    with pytest.raises(InputError, match=r"one: torch 1.0; two: no such folder"):
        list(start(10, 11).results())
    assert set(states(tmp_path).values()) == {"waiting"}


def test_a_machine_that_joins_later_is_used(start, world):
    late = world.machines.pop()
    run = start(*range(10, 30), preset_of_search="none")
    results = run.results()
    next(results)
    world.machines.append(late)
    list(results)
    assert {node for _, node, _ in world.predicted} == {"n1", "n2"}


def test_a_run_does_not_wait_for_ever_for_machines(start, world, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    world.machines.clear()
    with pytest.raises(InputError, match="no machine of the cluster is left"):
        list(start(10).results())


def test_an_interrupt_ends_all_processes_and_lets_every_job_go(start, world, tmp_path, monkeypatch):
    run = start(10, 11, 12)

    def interrupted():
        if run.is_at_work and any(isinstance(what, module.Work) for what in run.doing.values()):
            raise KeyboardInterrupt

    monkeypatch.setattr(interrupts, "check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(run.results())
    assert run.held == {}
    assert len(world.stopped) == 2
    begun = {name for name, *_ in world.predicted}
    written = {name: json.loads((tmp_path / name / "status.json").read_text())["status"] for name in begun}
    assert begun
    assert set(written.values()) == {"interrupted"}
    assert {state for name, state in states(tmp_path).items() if name not in begun} == {"waiting"}


def test_what_is_complete_needs_no_cluster(start, world, monkeypatch):
    run = start(10, 11)
    monkeypatch.setattr(run.worker, "is_complete", lambda task: True)
    monkeypatch.setattr(run.worker, "predict", lambda task, searched: [f"kept {task.job.name}"])
    monkeypatch.setattr(module, "connected", lambda address: pytest.fail("connected"))
    assert list(run.results()) == ["kept a", "kept b"]


def test_jobs_of_another_process_are_left_to_it_and_taken_over_when_it_ends(start, world, tmp_path):
    handles = {name: take(tmp_path / ".locks" / name) for name in "ab"}
    run = start(10, 11, 12)
    results = run.results()
    assert next(results) == "prediction of c"
    os.close(handles["a"])
    assert list(results) == ["prediction of a"]
    assert "another process" in run.report.warnings["b"][0]
    os.close(handles["b"])


def test_gpus_are_used_if_there_are_any_and_never_beside_processors(start, world):
    world.machines[1] = Machine("n2", "two", 4, 2)
    run = start(10)
    list(run.results())
    assert run.crew.plan.device.type == "cuda"
    assert [run.crew.room(machine) for machine in world.machines] == [0, 2]
    run = start(10, 11, device="cpu")
    list(run.results())
    assert run.crew.plan.device.type == "cpu"


def test_gpus_that_are_asked_for_and_not_there_are_missed_at_once(start, world):
    with pytest.raises(InputError, match="no GPUs"):
        list(start(10, device="cuda").results())
