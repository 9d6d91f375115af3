"""A training run: from a recipe and examples to checkpoints, going on from where it was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch

from foldwright import kernels
from foldwright.errors import TrainingError
from foldwright.models.af2.model import AlphaFold
from foldwright.training import checkpoint as checkpoints
from foldwright.training.blocks import recompute, use_bfloat16
from foldwright.training.draws import Examples, check_groups, drawn_ahead, groups_of_steps, num_groups
from foldwright.training.folder import only_run_in
from foldwright.training.gradients import DividedGradients, Gradients, ReplicatedGradients
from foldwright.training.health import Health, untaught_parts
from foldwright.training.interrupts import Interrupts
from foldwright.training.journal import Journal
from foldwright.training.parallel import Processes, check_parallel, divide
from foldwright.training.progress import Silent
from foldwright.training.recipe import Recipe
from foldwright.training.state import State, new_network, new_state
from foldwright.training.step import Group, NonFiniteExample, Stepper

Evaluate = Callable[[AlphaFold], dict[str, float]]
Initialise = Callable[[AlphaFold], None]


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
    has_tensorboard: bool = False


def train(
    recipe: Recipe,
    examples: Examples,
    out: Path,
    options: RunOptions | None = None,
    initialise: Initialise | None = None,
    evaluate: Evaluate | None = None,
    report: Silent | None = None,
) -> State:
    """Make the steps of a recipe that `out` does not hold yet.

    `initialise` gives a new network other parameters than random ones; `evaluate` scores the averaged ones.

    Raises:
        InputError: `out` was begun with another recipe or is in use, or a checkpoint cannot be read or written.
        KeyboardInterrupt: the run was asked to stop; it goes on from the last whole step.
        TrainingError: training cannot go on; checkpoints stand.
    """
    options, report = options or RunOptions(), report or Silent()
    check_groups(recipe, options.processes)
    check_parallel(recipe, options.processes)
    if not options.processes.is_first:
        return _train(recipe, examples, out, options, initialise, evaluate, Silent())
    with only_run_in(out):
        return _train(recipe, examples, out, options, initialise, evaluate, report)


def _train(
    recipe: Recipe,
    examples: Examples,
    out: Path,
    options: RunOptions,
    initialise: Initialise | None,
    evaluate: Evaluate | None,
    report: Silent,
) -> State:
    state = begin(recipe, out, options, initialise)
    run = Run(recipe, state, out, options, report)
    try:
        run.go(examples, evaluate)
    finally:
        run.close()
    return state


def begin(recipe: Recipe, out: Path, options: RunOptions, initialise: Initialise | None = None) -> State:
    """The state a run goes on from: its last checkpoint, or a new network."""
    kept = checkpoints.checkpoints(out)
    found = checkpoints.read_header(kept[-1]) if kept else None
    if found is not None:
        checkpoints.check_recipe(found, recipe)
    model = new_network(recipe)
    if found is None and initialise is not None:
        initialise(model)
    state = new_state(recipe, prepare(model, recipe, options))
    if found is not None:
        checkpoints.load_checkpoint(found, state)
    return state


def prepare(model: AlphaFold, recipe: Recipe, options: RunOptions) -> AlphaFold:
    """The network as it will be run: on its device, by the kernels that serve training."""
    device = torch.device(options.device)
    model = model.to(device).train()
    model = kernels.install(model, kernels.plan(device, recipe.sampling.crop_size, training=True))
    model = use_bfloat16(model) if recipe.precision == "bfloat16" else model
    model = recompute(model) if recipe.is_checkpointed else model
    return divide(model, device, options.processes.world) if options.processes.is_divided else model


class _Abandoned(Exception):
    """A step was given up half-way, before anything changed."""


class Run:
    """The steps of one call, and what is written between them."""

    def __init__(self, recipe: Recipe, state: State, out: Path, options: RunOptions, report: Silent):
        self.recipe, self.state, self.out, self.options, self.report = recipe, state, out, options, report
        self.processes = options.processes
        self.num_groups = num_groups(recipe) // self.processes.world
        is_first, has_board = self.processes.is_first, options.has_tensorboard
        self.journal = Journal(out, recipe, state.step, has_board) if is_first else None
        health = Health(state.model, state.optimiser, untaught=untaught_parts(recipe))
        device = torch.device(options.device)
        self.stepper = Stepper(recipe, state, self._gradients(), self.processes, device, health)
        self.kept = state.step  # the step of the last checkpoint

    @property
    def end(self) -> int:
        """The step after which this call is done."""
        steps = self.recipe.num_steps
        return steps if self.options.stop_after is None else min(steps, self.options.stop_after)

    def go(self, examples: Examples, evaluate: Evaluate | None) -> None:
        """Make all steps."""
        recipe, state = self.recipe, self.state
        self.report.begin(state.step, recipe.num_steps, self._greeting())
        drawn = groups_of_steps(examples, recipe, range(state.step, self.end), self.processes)
        with Interrupts() as interrupts, drawn_ahead(drawn) as groups:
            while state.step < self.end:
                if self._step(groups, interrupts):
                    self._checkpoint()
                    interrupts.leave()
                self._between_steps(evaluate)
        self._checkpoint()

    def close(self) -> None:
        """Let go of files and the terminal."""
        self.report.close()
        if self.journal is not None:
            self.journal.close()

    def _step(self, groups: Iterator[Group], interrupts: Interrupts) -> bool:
        """Make one step; whether to stop now."""
        start = time.perf_counter()
        try:
            result = self.stepper(self._own(groups, interrupts), interrupts.is_asked)
        except _Abandoned:
            return True
        except NonFiniteExample as fault:
            why = self.stepper.health.explain_non_finite(fault.rerun)
            raise TrainingError(f"{fault}: {why} The last checkpoint stands.") from fault
        seconds = time.perf_counter() - start
        if self.journal is not None:
            self.journal.step(result, self.recipe, seconds)
        self.report.step(result, self.recipe.examples_per_step / seconds)
        for warning in result.warnings:
            self.report.say(f"step {result.step}: {warning}")
        return result.is_stop_wanted

    def _own(self, groups: Iterator[Group], interrupts: Interrupts) -> Iterator[Group]:
        """This process's groups of a step. One that trains alone need not finish a long step before it stops."""
        for group in islice(groups, self.num_groups):
            if interrupts.is_asked and self.processes.world == 1:
                raise _Abandoned
            yield group

    def _gradients(self) -> Gradients:
        model, optimiser = self.state.model, self.recipe.optimiser
        if self.processes.is_divided:
            return DividedGradients(model, optimiser, self.num_groups)
        return ReplicatedGradients(model, optimiser, num_groups(self.recipe), self.processes)

    def _greeting(self) -> str:
        count = sum(p.numel() for p in self.state.model.parameters()) / 1e6
        start = "begins" if self.state.step == 0 else f"goes on after step {self.state.step}"
        return f"{self.recipe.name} · {count:.1f} million parameters · {start} · {self.out}"

    def _between_steps(self, evaluate: Evaluate | None) -> None:
        step, options = self.state.step, self.options
        if evaluate is not None and options.evaluate_every and step % options.evaluate_every == 0:
            self._evaluate(evaluate)
        if step % options.checkpoint_every == 0:
            self._checkpoint()

    def _evaluate(self, evaluate: Evaluate) -> None:
        with self.state.ema.applied(self.state.model), torch.no_grad():
            scores = evaluate(self.state.model.eval())
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
