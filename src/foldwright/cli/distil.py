"""`foldwright distil`: unlabelled sequences in, chains with predicted structures to train on out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.models.af2.model import AlphaFold
    from foldwright.training.distillation.run import Outcome, Summary

MOST_NAMED = 10  # sequences told one by one


def distil(
    sources: Annotated[list[Path], Argument(help="FASTA files, A3M files, or folders of them (.gz or plain).")],
    teacher: Annotated[str, Option(help="A training run, one of its checkpoints, or an official model with weights.")],
    out: Annotated[Path, Option(help="Folder for the chains. One that was begun goes on.")],
    min_length: Annotated[int, Option(help="Residues, AF2 Suppl. 1.3.")] = 200,
    max_length: Annotated[int, Option(help="Residues, AF2 Suppl. 1.3.")] = 1024,
    min_depth: Annotated[int, Option(help="Rows of the alignment, AF2 Suppl. 1.3; 1 for single sequences.")] = 200,
    references: Annotated[int, Option(help="Sequences whose mean distances are the background.")] = 1000,
    least_confidence: Annotated[
        float, Option(help="Nats above the background that a residue needs, AF2 Suppl. 1.3; a small network has less.")
    ] = 0.5,
    max_rows: Annotated[
        int | None, Option(help="Rows of an alignment, drawn at random, that the teacher reads. Default: all.")
    ] = None,
    recycles: Annotated[int | None, Option(help="Passes after the first. Default: the network's.")] = None,
    seed: Annotated[int, Option(help="Of every random choice.")] = 0,
    device: Annotated[str, Option(help="cpu, cuda, or auto: a GPU if there is one.")] = "auto",
    threads: Annotated[int | None, Option(help="CPU threads. Default: what torch takes.")] = None,
) -> None:
    """Predict structures for sequences that have none, and keep the residues the network is sure of.

    Train on them with `foldwright train --distilled OUT`. The same command goes on where it was stopped; a sequence
    that cannot be predicted costs no other. Exit code: 0 if chains were written, 2 if none was.
    """
    import torch

    from foldwright.training.distillation.run import distil as run
    from foldwright.training.distillation.sequences import UnlabelledFiles, Wanted
    from foldwright.training.distillation.teacher import Teacher, trained_network
    from foldwright.training.launch import chosen_device

    for name, value, least in [("references", references, 1), ("max-rows", max_rows, 1), ("recycles", recycles, 0)]:
        if value is not None and value < least:
            raise InputError(f"{value} is not possible.", field=f"--{name}", remedy=f"Give at least {least}.")
    if threads:
        torch.set_num_threads(threads)
    wanted = Wanted(min_length=min_length, max_length=max_length, min_depth=min_depth)
    sequences, place = UnlabelledFiles(sources, wanted), chosen_device(device)
    network = recycled(trained_network(teacher), recycles).to(place)
    summary = run(sequences, Teacher(network, place, seed, max_rows), out, references, least_confidence, _tell)
    print("\n".join(lines(summary)))
    print(f"→ {out}")


def recycled(model: AlphaFold, recycles: int | None) -> AlphaFold:
    """The network with another number of passes, if one is given."""
    from dataclasses import replace

    if recycles is not None:
        model.config = replace(model.config, recycling=replace(model.config.recycling, num_recycles=recycles))
    return model


def lines(summary: Summary) -> list[str]:
    """What was made, and a few reasons why more was not."""
    told = [
        f"{summary.num_chains:,} chains · {summary.num_confident:,} of {summary.num_residues:,} residues are confident"
    ]
    if summary.left_out:
        told.append(f"{len(summary.left_out):,} sequences left out:")
        told += [f"  {name}: {reason}" for name, reason in list(summary.left_out.items())[:MOST_NAMED]]
    if len(summary.left_out) > MOST_NAMED:
        told.append(f"  and {len(summary.left_out) - MOST_NAMED:,} more, in manifest.json")
    return told


def _tell(outcome: Outcome) -> None:
    what = "background" if outcome.is_background else "prediction"
    line = f"{what} {outcome.number} of {outcome.total} · {outcome.name} · {outcome.num_residues} residues"
    if outcome.failure:
        print(f"{line} · failed: {outcome.failure}", file=sys.stderr, flush=True)
    elif outcome.is_new:
        told = "" if outcome.is_background else f" · {outcome.num_confident} confident"
        print(line + told, flush=True)
