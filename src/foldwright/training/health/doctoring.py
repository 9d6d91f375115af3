"""A few steps of training, watched closely: what `foldwright doctor --train` reports."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from foldwright.errors import InputError, TrainingError
from foldwright.training.data.examples import Examples
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.draws import check_groups, groups_of_step, num_groups
from foldwright.training.gradients import ReplicatedGradients
from foldwright.training.health import Finding, Health, Kind, Limits, described, untaught_parts
from foldwright.training.health.made_chains import made_chain
from foldwright.training.loop import RunOptions, prepare
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.state import new_network, new_state
from foldwright.training.step import NonFiniteExample, Stepper, StepResult, losses_of

TOPICS = {
    "numbers": {Kind.NON_FINITE},
    "gradients": {Kind.NO_GRADIENT},
    "parameters": {Kind.UNCHANGED, Kind.NOT_OPTIMISED, Kind.FOREIGN},
    "optimiser": {Kind.STATE_ZERO, Kind.STATE_FROZEN},
    "memory layout": {Kind.NON_CONTIGUOUS},
    "layers": {Kind.DEAD, Kind.EXPLODING},
}
WELL = {
    "numbers": "all outputs, gradients and parameters are finite",
    "gradients": "they reach every parameter that the recipe teaches",
    "parameters": "all are held by the optimiser, and follow their gradients",
    "optimiser": "its memory of every parameter moves",
    "memory layout": "parameters, gradients and optimiser state are contiguous",
    "layers": "each adds to its stream, and none drowns it",
}
MIN_STEPS = 4  # layers whose last map starts at zero hide those before them for a step or two
LATE = ("trunk.recycling_embedder.distance.",)  # sees distances above 3.25 angstrom; at first all is in one place
NUM_CHAINS = 8  # made up, where no data are given


class Check(NamedTuple):
    """One line of the report."""

    topic: str
    text: str
    passed: bool
    is_fatal: bool  # if it did not pass


@dataclass(frozen=True)
class Watched:
    """What a few steps showed."""

    results: list[StepResult]
    findings: list[Finding]
    seconds: float
    fault: str  # why they ended early, if they did


def examine_training(
    recipe: Recipe, data: Path | None = None, num_steps: int = 12, device: str = "cpu"
) -> Iterator[Check]:
    """Train a new network for a few steps, on prepared data or on chains made up here, and say what was seen.

    Raises:
        InputError: the recipe, the data or the number of steps cannot be used.
    """
    check_groups(recipe, Processes())
    if num_steps < MIN_STEPS:
        raise InputError(f"{num_steps} steps show too little.", field="--steps", remedy=f"Give at least {MIN_STEPS}.")
    with tempfile.TemporaryDirectory() as folder:
        chains = ShardedChains(data) if data else _made_chains(recipe, Path(folder))
        examples = Examples(chains, recipe)
        patient = _patient(recipe, num_steps, device)
        yield _repeats(patient, examples)
        seen = watch(patient, examples, num_steps)
    yield _trains(recipe, seen, num_steps, f"{len(chains)} chains of {data}" if data else "made-up helices")
    yield from _verdicts(seen.findings)


def watch(patient: Stepper, examples: Examples, num_steps: int) -> Watched:
    """Make steps and collect what is wrong, until training cannot go on."""
    results: list[StepResult] = []
    start, fault = time.perf_counter(), ""
    try:
        for step in range(num_steps):
            results.append(patient(groups_of_step(examples, patient.recipe, step, patient.processes)))
    except NonFiniteExample as error:
        fault = f"{error}: {patient.health.explain_non_finite(error.rerun)}"
    except TrainingError as error:
        fault = str(error)
    return Watched(results, patient.health.found, time.perf_counter() - start, fault)


def _patient(recipe: Recipe, num_steps: int, device: str) -> Stepper:
    """A network that is about to make its first step, as a run would make it."""
    model = prepare(new_network(recipe), recipe, RunOptions(device=device))
    state = new_state(recipe, model)
    limits = replace(Limits(), patience=min(Limits.patience, num_steps), dead_after=min(Limits.dead_after, num_steps))
    health = Health(model, state.optimiser, every=1, untaught=untaught_parts(recipe) + LATE, limits=limits)
    gradients = ReplicatedGradients(model, recipe.optimiser, num_groups(recipe), Processes())
    return Stepper(recipe, state, gradients, Processes(), torch.device(device), health)


@torch.no_grad()
def _repeats(patient: Stepper, examples: Examples) -> Check:
    """Whether the same example gives the same loss twice, dropout included."""
    group = next(iter(groups_of_step(examples, patient.recipe, 0, patient.processes)))
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        terms, _watched = losses_of(patient.state.model, group.examples.to(patient.device), patient.recipe.losses)
        losses.append(terms.weighted(patient.recipe.losses).cpu())
    same = torch.equal(*losses)
    on_cpu = patient.device.type == "cpu"
    told = "an example computed twice gives the same loss to the last digit" if same else "the same example gave "
    return Check("repeatable", told if same else told + " and ".join(map(str, losses)), same, is_fatal=on_cpu)


def _trains(recipe: Recipe, seen: Watched, num_steps: int, source: str) -> Check:
    count, losses = len(seen.results), [result.terms["loss"] for result in seen.results]
    text = f"{recipe.name}, {count} of {num_steps} steps on {source}"
    if losses:
        text += f", loss {losses[0]:.3g} to {losses[-1]:.3g}, {seen.seconds / count:.2g} s a step"
    return Check("training", f"{text}. Stopped: {seen.fault}" if seen.fault else text, not seen.fault, is_fatal=True)


def _verdicts(findings: Iterable[Finding]) -> Iterator[Check]:
    findings = list(findings)
    for topic, kinds in TOPICS.items():
        bad = [finding for finding in findings if finding.kind in kinds]
        yield Check(topic, " ".join(described(bad)) or WELL[topic], not bad, any(finding.is_fatal for finding in bad))


def _made_chains(recipe: Recipe, folder: Path) -> ShardedChains:
    """Helices a little longer than a crop, with more relatives than the alignment has cluster centres."""
    features, length = recipe.model.features, recipe.sampling.crop_size
    rows = features.num_clusters + min(features.num_extra, 64) + recipe.sampling.deletion_blocks
    write_shards((made_chain(i, length + i, 2 * rows) for i in range(NUM_CHAINS)), folder)
    return ShardedChains(folder)
