"""`foldwright train`: a recipe and prepared data in, checkpoints and curves out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def train(
    recipe: Annotated[str, Option(help="Name of a recipe: tiny, mini_1, initial_training, fine_tuning, ...")],
    data: Annotated[Path, Option(help="Folder that `foldwright data prepare` wrote.")],
    out: Annotated[Path, Option(help="Folder of the run. One that holds checkpoints goes on from the last of them.")],
    set_: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="Change the recipe, e.g. optimiser.learning_rate=3e-4; repeat."),
    ] = None,
    steps: Annotated[int | None, Option(help="Length of the run in steps. Default: the recipe's.")] = None,
    stop_after: Annotated[int | None, Option(help="Stop after this step; the same command goes on later.")] = None,
    init: Annotated[
        str | None,
        Option(help="Begin with these parameters: a run, a checkpoint, a weight file, or a name like model_1_ptm."),
    ] = None,
    distilled: Annotated[Path | None, Option(help="Folder of self-distilled chains to mix in.")] = None,
    device: Annotated[str, Option(help="cpu, cuda, or auto: a GPU if there is one.")] = "auto",
    parallel: Annotated[
        str,
        Option(help="none, ddp (every process has the whole network) or fsdp (each has a part), under torchrun."),
    ] = "none",
    threads: Annotated[int | None, Option(help="CPU threads. Default: what torch takes.")] = None,
    evaluate_every: Annotated[int | None, Option(help="Steps between evaluations on the validation split.")] = None,
    checkpoint_every: Annotated[int, Option(help="Steps between checkpoints.")] = 250,
    keep_last: Annotated[int, Option(help="Checkpoints to keep.")] = 3,
    keep_every: Annotated[int | None, Option(help="Keep those of every so many steps for good.")] = None,
    tensorboard: Annotated[bool, Option("--tensorboard", help="Also write curves for TensorBoard.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Train a network; the same command goes on where it was stopped, with the same numbers.

    OUT holds checkpoints/, metrics.csv (every step), evaluation.csv, times.csv and recipe.json. Ctrl-C and SIGTERM
    write a checkpoint first. Exit code: 0 if the last step was made, 1 if training went wrong, 2 for bad input, 130 or
    143 if it was stopped.
    """
    from foldwright import kernels

    kernels.keep_large_allocations()  # before the first tensor

    from foldwright.training.interrupts import Stopped
    from foldwright.training.launch import Request, launch
    from foldwright.training.progress import reporter

    request = Request(
        recipe=recipe,
        data=data,
        out=out,
        overrides=tuple(set_ or ()),
        steps=steps,
        stop_after=stop_after,
        init=init,
        distilled=distilled,
        device=device,
        parallel=parallel,
        threads=threads,
        evaluate_every=evaluate_every,
        checkpoint_every=checkpoint_every,
        keep_last=keep_last,
        keep_every=keep_every,
        has_tensorboard=tensorboard,
    )
    try:
        launch(request, reporter(quiet))
    except Stopped as stopped:
        print(f"foldwright: stopped by {stopped}; the same command goes on from there.")
        raise typer.Exit(stopped.exit_code) from None
