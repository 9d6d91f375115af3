"""From what was asked on the command line to a run: everything is looked at before the first number is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from foldwright.errors import InputError
from foldwright.models.af2.model import AlphaFold
from foldwright.models.overrides import override, parse_overrides
from foldwright.training import recipes
from foldwright.training.data.examples import Examples
from foldwright.training.data.shards import ShardedChains
from foldwright.training.evaluation.evaluate import evaluation_in_training
from foldwright.training.initial import begin_with, load_parameters
from foldwright.training.loop import Initialise, RunOptions, train
from foldwright.training.parallel import own_device, processes
from foldwright.training.progress import Silent
from foldwright.training.recipe import Recipe
from foldwright.training.state import State


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as a person asks for it; None leaves a choice to the recipe or the machine."""

    recipe: str
    data: Path
    out: Path
    overrides: tuple[str, ...] = ()
    steps: int | None = None
    stop_after: int | None = None
    init: str | None = None
    distilled: Path | None = None
    device: str = "auto"
    parallel: str = "none"
    threads: int | None = None
    evaluate_every: int | None = None
    checkpoint_every: int = 250
    keep_last: int = 3
    keep_every: int | None = None
    has_tensorboard: bool = False

    def __post_init__(self):
        counts = ("steps", "stop_after", "threads", "evaluate_every", "checkpoint_every", "keep_last", "keep_every")
        for name in counts:
            value = getattr(self, name)
            if value is not None and value < 1:
                field = f"--{name.replace('_', '-')}"
                raise InputError(f"{value} is not possible.", field=field, remedy="Give a number of at least 1.")


def launch(request: Request, report: Silent) -> State:
    """Run what was asked for.

    Raises:
        InputError: anything about the request that cannot be used.
    """
    if request.threads:
        torch.set_num_threads(request.threads)
    recipe = chosen_recipe(request)
    chains = ShardedChains(request.data)
    distilled = ShardedChains(request.distilled) if request.distilled else None
    examples = Examples(chains, recipe, distilled=distilled)
    device = own_device(chosen_device(request.device))
    with processes(request.parallel, device) as all_of_us:
        options = RunOptions(
            device=device,
            processes=all_of_us,
            checkpoint_every=request.checkpoint_every,
            keep_last=request.keep_last,
            keep_every=request.keep_every,
            evaluate_every=request.evaluate_every,
            stop_after=request.stop_after,
            has_tensorboard=request.has_tensorboard,
        )
        initialise = initialiser(request.init, recipe, report) if request.init else None
        evaluate = evaluation_in_training(chains) if request.evaluate_every else None
        return train(recipe, examples, request.out, options, initialise, evaluate, report)


def initialiser(source: str, recipe: Recipe, report: Silent) -> Initialise:
    """What gives a new network the parameters of `source`, which are read now: a wrong name costs nothing."""
    parameters = load_parameters(source, recipe.model)

    def initialise(model: AlphaFold) -> None:
        new = begin_with(model, parameters, source)
        report.say(f"begins with {source}" + (f"; new: {', '.join(new)}" if new else ""))

    return initialise


def chosen_recipe(request: Request) -> Recipe:
    """The named recipe with every change applied."""
    recipe = recipes.recipe(request.recipe)
    for path, value in parse_overrides(request.overrides).items():
        recipe = override(recipe, path, value)
    return recipe if request.steps is None else replace(recipe, num_steps=request.steps)


def chosen_device(name: str) -> str:
    """A device that is there.

    Raises:
        InputError: it is not.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as fault:
        reason = str(fault).splitlines()[0]
        raise InputError(f"{name} cannot be used: {reason}.", field="--device", remedy="Use cpu or auto.") from fault
    return name
