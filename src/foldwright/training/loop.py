"""A training run: from a recipe and examples to checkpoints, going on from where it was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch

from foldwright import kernels
from foldwright.training import checkpoint as checkpoints
from foldwright.training.draws import Examples, check_groups, drawn_ahead, groups_of_steps, num_groups
from foldwright.training.gradients import Gradients, ReplicatedGradients
from foldwright.training.interrupts import Interrupts
from foldwright.training.journal import Journal
from foldwright.training.parallel import Processes
from foldwright.training.progress import Silent
from foldwright.training.recipe import Recipe
from foldwright.training.state import State, new_network, new_state
from foldwright.training.step import Stepper, StepResult

Evaluate = Callable[[torch.nn.Module], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a recipe is run; nothing here changes what is computed."""

    device: str = "cpu"
    processes: Processes = field(default_factory=Processes)
    checkpoint_every: int = 250  # steps
    keep_last: int = 3  # checkpoints
    keep_every: int | None = None  # steps whose checkpoints are kept for good
    evaluate_every: int | None = None  # steps
    stop_after: int | None = None  # steps of the run, for one that is to go on later


def train(
    recipe: Recipe,
    examples: Examples,
    out: Path,
    options: RunOptions = RunOptions(),
    evaluate: Evaluate | None = None,
    report: Silent = Silent(),  # noqa: B008  says nothing
) -> State:
    """Make the steps of a recipe that `out` does not hold yet.

    Raises:
        InputError: `out` was begun with another recipe, or a checkpoint cannot be read or written.
        KeyboardInterrupt: the run was asked to stop; it goes on from a checkpoint of the last whole step.
    """
    check_groups(recipe, options.processes)
    state = begin(recipe, out, options)
    run = Run(recipe, state, out, options, report)
    try:
        run.go(examples, evaluate)
    finally:
        run.close()
    return state


def begin(recipe: Recipe, out: Path, options: RunOptions) -> State:
    """The state a run goes on from: its last checkpoint, or a new network."""
    kept = checkpoints.checkpoints(out)
    found = checkpoints.read_header(kept[-1]) if kept else None
    if found is not None:
        checkpoints.check_recipe(found, recipe)
    state = new_state(recipe, prepare(new_network(recipe), recipe, options))
    if found is not None:
        checkpoints.load_checkpoint(found, state)
    return state


def prepare(model, recipe: Recipe, options: RunOptions):
    """The network as it will be run: on its device, by the kernels that serve training."""
    device = torch.device(options.device)
    model = model.to(device).train()
    return kernels.install(model, kernels.plan(device, recipe.sampling.crop_size, training=True))


class Run:
    """The steps of one call, and what is written between them."""

    def __init__(self, recipe: Recipe, state: State, out: Path, options: RunOptions, report: Silent):
        self.recipe, self.state, self.out, self.options, self.report = recipe, state, out, options, report
        self.processes = options.processes
        self.journal = Journal(out, recipe, state.step) if self.processes.is_first else None
        self.stepper = Stepper(recipe, state, self._gradients(), self.processes, torch.device(options.device))
        self.kept = state.step  # the step of the last checkpoint

    @property
    def end(self) -> int:
        """The step after which this call is done."""
        steps = self.recipe.num_steps
        return steps if self.options.stop_after is None else min(steps, self.options.stop_after)

    def go(self, examples: Examples, evaluate: Evaluate | None) -> None:
        """Make all steps."""
        recipe, state, own = self.recipe, self.state, num_groups(self.recipe) // self.processes.world
        self.report.begin(state.step, recipe.num_steps, self._greeting())
        drawn = groups_of_steps(examples, recipe, range(state.step, self.end), self.processes)
        with Interrupts() as interrupts, drawn_ahead(drawn) as groups:
            while state.step < self.end:
                start = time.perf_counter()
                result = self.stepper(islice(groups, own), interrupts.is_asked)
                self._note(result, time.perf_counter() - start)
                if result.is_stop_wanted:
                    self._checkpoint()
                    interrupts.leave()
                self._between_steps(evaluate)
        self._checkpoint()

    def close(self) -> None:
        """Let go of files and the terminal."""
        self.report.close()
        if self.journal is not None:
            self.journal.close()

    def _gradients(self) -> Gradients:
        return ReplicatedGradients(self.state.model, self.recipe.optimiser, num_groups(self.recipe), self.processes)

    def _greeting(self) -> str:
        count = sum(p.numel() for p in self.state.model.parameters()) / 1e6
        start = "begins" if self.state.step == 0 else f"goes on after step {self.state.step}"
        return f"{self.recipe.name} · {count:.1f} million parameters · {start} · {self.out}"

    def _note(self, result: StepResult, seconds: float) -> None:
        speed = self.recipe.examples_per_step / seconds
        if self.journal is not None:
            self.journal.step(result, self.recipe, seconds)
        self.report.step(result, seconds, speed)

    def _between_steps(self, evaluate: Evaluate | None) -> None:
        step, options = self.state.step, self.options
        if evaluate is not None and options.evaluate_every and step % options.evaluate_every == 0:
            self._evaluate(evaluate)
        if step % options.checkpoint_every == 0:
            self._checkpoint()

    def _evaluate(self, evaluate: Evaluate) -> None:
        with self.state.ema.applied(self.state.model):
            scores = evaluate(self.state.model)
        self.state.model.train()
        if self.journal is not None:
            self.journal.evaluation(self.state.step, scores)
        self.report.say(f"step {self.state.step}: " + " · ".join(f"{k} {v:.3f}" for k, v in scores.items()))

    def _checkpoint(self) -> None:
        if self.kept == self.state.step:
            return
        checkpoints.save_checkpoint(self.out, self.state, self.recipe, self.processes)
        self.kept = self.state.step
        if self.processes.is_first:
            checkpoints.remove_old(self.out, self.options.keep_last, self.options.keep_every)
