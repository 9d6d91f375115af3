"""Who works: one process for each GPU, or for each share of the processors, on every machine that is fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.pipeline.cluster.connect import Machine, machines
from foldwright.pipeline.cluster.remote import Predictor, Setting, search, why_unfit
from foldwright.pipeline.plan import Plan

TRIES = 2  # of starting a process on a machine


class Lost(Exception):
    """A process or its machine ended before it answered; the message says what Ray knows of it."""


@dataclass(eq=False)
class Member:
    """One process that predicts."""

    machine: Machine
    actor: Any
    is_idle: bool = False


@dataclass
class Crew:
    """The machines and the processes on them; `plan.device` says whether these need GPUs."""

    plan: Plan
    setting: Setting
    is_overwriting: bool
    mark: Path | None  # a file by which a machine shows that it sees the results
    machines: dict[str, Machine] = field(default_factory=dict)  # that live
    fit: set[str] = field(default_factory=set)
    unfit: dict[str, str] = field(default_factory=dict)  # and why
    members: list[Member] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def look(self) -> list[Machine]:
        """See which machines live; those that were not there before."""
        before, self.machines = self.machines, {machine.node: machine for machine in machines()}
        return [machine for node, machine in self.machines.items() if node not in before]

    def probe(self, machine: Machine) -> Any:
        """Ask a machine whether it is fit."""
        return self._on(machine, why_unfit)(self.setting, self.mark)

    def search_on(self, machine: Machine, *what: Any, num_results: int) -> list[Any]:
        """Begin a search on a machine. No processor is asked for: on one machine network and search share them."""
        return self._on(machine, search, num_returns=num_results)(self.setting, *what)

    def hire(self, most: int) -> list[tuple[Member, Any]]:
        """Start processes wherever there is room, up to so many in all; each with what tells that it is ready."""
        import ray

        hired = []
        for machine in self.working_machines:
            here = sum(member.machine.node == machine.node for member in self.members)
            for _ in range(min(self.room(machine) - here, most - len(self.members))):
                actor = (
                    ray.remote(Predictor)
                    .options(**self.needs(machine))
                    .remote(  # pyright: ignore
                        self.setting, self.plan, self.is_overwriting
                    )
                )
                member = Member(machine, actor)
                self.members.append(member)
                hired.append((member, actor.is_ready.remote()))
        return hired

    @property
    def working_machines(self) -> list[Machine]:
        return [machine for node, machine in self.machines.items() if node in self.fit and node not in self.unfit]

    @property
    def summary(self) -> str:
        """The cluster for the person who uses it."""
        here = self.machines.values()
        lent = f"{sum(m.gpus for m in here)} GPUs" if self.needs_gpu else f"{sum(m.cpus for m in here)} processors"
        return f"{len(here)} machine{'s' * (len(here) != 1)} · {lent}"

    @property
    def needs_gpu(self) -> bool:
        return self.plan.device.type == "cuda"

    def room(self, machine: Machine) -> int:
        """How many processes a machine has room for."""
        return machine.gpus if self.needs_gpu else max(machine.cpus // self.setting.threads, min(machine.cpus, 1))

    def needs(self, machine: Machine) -> dict[str, Any]:
        """What a process asks of Ray; one with a GPU hardly needs processors and leaves them to searches."""
        cpus = 0 if self.needs_gpu else min(self.setting.threads, machine.cpus)
        return {"num_cpus": cpus, "num_gpus": int(self.needs_gpu), "max_restarts": 0, **_there(machine)}

    def dismiss(self, member: Member) -> None:
        """Be done with a process, dead or alive."""
        import ray

        ray.kill(member.actor)
        self.members.remove(member)

    def judge(self, machine: Machine, why: str) -> None:
        """A machine is fit, or is not used."""
        if why:
            self.unfit[machine.node] = why
        else:
            self.fit.add(machine.node)

    def require_machines(self) -> None:
        """Refuse to wait for machines that will not come.

        Raises:
            InputError: why none can be used.
        """
        if self.machines and all(node in self.unfit for node in self.machines):
            reasons = "; ".join(f"{m.host}: {self.unfit[node]}" for node, m in self.machines.items())
            remedy = "All machines need the same versions, and the same paths on a shared file system."
            raise InputError(f"no machine of the cluster can be used: {reasons}.", field="--engine ray", remedy=remedy)

    def over(self, places: list[Any], seconds: float) -> list[Any]:
        """Those of which the result is there; if it is none, the first that is, within so many seconds."""
        import ray

        found, _ = ray.wait(places, num_returns=len(places), timeout=0, fetch_local=False)
        return found or ray.wait(places, timeout=seconds, fetch_local=False)[0]

    def result(self, place: Any) -> Any:
        """What was sent back.

        Raises:
            Lost: nothing was: the process or its machine is gone, or what it sent cannot be read.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return ray.get(place)
        except RayTaskError as error:
            raise Lost(f"of {type(error.cause).__name__}: {error.cause}") from error
        except RayError as error:
            raise Lost(_sentence(error)) from error

    def stop(self, searches: Sequence[Any], places: Sequence[Any], seconds: float) -> None:
        """End every process and search, and wait until they have ended, for so many seconds."""
        import ray

        for member in list(self.members):
            self.dismiss(member)
        for place in searches:
            ray.cancel(place, force=True)
        if places:
            ray.wait(list(places), num_returns=len(places), timeout=seconds, fetch_local=False)

    def _on(self, machine: Machine, function: Callable, num_returns: int = 1) -> Callable:
        import ray

        options = {"num_cpus": 0, "max_retries": 0, "num_returns": num_returns, **_there(machine)}
        return ray.remote(function).options(**options).remote  # pyright: ignore


def _there(machine: Machine) -> dict[str, Any]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(machine.node, soft=False)}


def _sentence(error: Exception) -> str:
    """The line of Ray's report that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if " because " in line or "memory" in line]
    return (telling or lines or [type(error).__name__])[0].rstrip(".")
