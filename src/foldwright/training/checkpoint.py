"""Everything a run needs to go on, in one file that is there whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.training.parallel import Processes, local, whole
from foldwright.training.recipe import Recipe
from foldwright.training.recipe_json import differences, recipe_from_json, recipe_to_json
from foldwright.training.state import MOMENTS, State

FORMAT = "foldwright-training-1"
FOLDER = "checkpoints"
NAME = re.compile(r"step_(\d{8})\.safetensors")
MAY_CHANGE = ("name", "num_steps", "is_checkpointed")  # when a run goes on: how long, and how it is computed


@dataclass(frozen=True)
class Checkpoint:
    """A file of a run, and what its header says."""

    path: Path
    recipe: Recipe
    step: int


def path_of(run: Path, step: int) -> Path:
    """Where a run keeps what it was after so many steps."""
    return run / FOLDER / f"step_{step:08d}.safetensors"


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, the oldest first."""
    return sorted(path for path in (run / FOLDER).glob("step_*") if NAME.fullmatch(path.name))


def save_checkpoint(run: Path, state: State, recipe: Recipe, processes: Processes) -> Path:
    """Write the state after its last step; all processes take part and the first one writes.

    Raises:
        InputError: it cannot be written, for want of room or of permission; older checkpoints stand.
    """
    path = path_of(run, state.step)
    tensors = _collected(state, is_kept=processes.is_first)
    if processes.is_first:
        note = {
            "format": FORMAT,
            "foldwright": version("foldwright"),
            "step": str(state.step),
            "examples": str(state.step * recipe.examples_per_step),
            "recipe": recipe_to_json(recipe),
        }
        with atomic_write(path, "wb") as file:
            file.write(save(tensors, metadata=note))
    return path


def read_header(path: Path) -> Checkpoint:
    """The recipe and step of a checkpoint.

    Raises:
        InputError: not a file that training wrote, or a damaged one.
    """
    try:
        with safe_open(path, "pt") as file:
            note = file.metadata() or {}
    except (SafetensorError, OSError) as fault:
        remedy = "Delete it; the run then goes on from the checkpoint before."
        raise InputError(f"this checkpoint cannot be read: {fault}.", file=path, remedy=remedy) from fault
    if note.get("format") != FORMAT:
        raise InputError("this is no checkpoint of a training run.", file=path, remedy=f"Its format is not {FORMAT}.")
    return Checkpoint(path, recipe_from_json(note["recipe"]), int(note["step"]))


def is_checkpoint(path: Path) -> bool:
    """Whether training wrote this file."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def check_recipe(found: Checkpoint, recipe: Recipe) -> None:
    """Refuse to go on with a recipe under which other numbers would have been computed.

    Raises:
        InputError: naming every field that differs.
    """
    differing = [
        f"{path} (there {there}, now {now})"
        for path, there, now in differences(found.recipe, recipe)
        if path not in MAY_CHANGE
    ]
    if differing:
        raise InputError(
            f"this run was begun with another recipe: {'; '.join(differing)}.",
            file=found.path,
            remedy="Give the same recipe to go on, or another --out to begin anew (--init takes the parameters over).",
        )


def load_checkpoint(found: Checkpoint, state: State) -> None:
    """Put a checkpoint's numbers into a state made by the same recipe; each process takes its part."""
    parts = read_tensors(found.path, ("model", "ema", *(f"optimiser.{moment}" for moment in MOMENTS)))
    parameters = dict(state.model.named_parameters())
    _check_names(parts["model"], parameters, found.path)
    state.step = found.step
    fill(parameters, parts["model"])
    fill(state.ema.state, parts["ema"])
    moments = state.moments()
    for moment in MOMENTS:
        fill(moments[moment], parts[f"optimiser.{moment}"])
    state.set_moments(moments)


def read_tensors(path: Path, parts: tuple[str, ...]) -> dict[str, dict[str, Tensor]]:
    """The tensors of some parts of a checkpoint (model, ema, ...), by part and name."""
    found: dict[str, dict[str, Tensor]] = {part: {} for part in parts}
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118  not a mapping
            for part in parts:
                if key.startswith(f"{part}."):
                    found[part][key.removeprefix(f"{part}.")] = file.get_tensor(key)
    return found


@torch.no_grad()
def fill(tensors: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into tensors of the same names, which may be divided among processes."""
    for name, tensor in tensors.items():
        value = values[name].to(tensor.device)
        if isinstance(tensor, DTensor):
            value = distribute_tensor(value, tensor.device_mesh, tensor.placements)
        local(tensor.detach()).copy_(local(value))


def remove_old(run: Path, keep_last: int, keep_every: int | None) -> None:
    """Delete all but the last checkpoints and those of every so many steps."""
    for path in checkpoints(run)[: -max(1, keep_last)]:
        step = int(NAME.fullmatch(path.name)[1])  # pyright: ignore[reportOptionalSubscript]
        if not keep_every or step % keep_every:
            path.unlink()


def _collected(state: State, is_kept: bool) -> dict[str, Tensor]:
    """Every tensor under its name in the file; collecting takes all processes, keeping only the one that writes."""
    named = {f"model.{name}": p.detach() for name, p in state.model.named_parameters()}
    named |= {f"ema.{name}": tensor for name, tensor in state.ema.state.items()}
    for moment, tensors in state.moments().items():
        named |= {f"optimiser.{moment}.{name}": tensor for name, tensor in tensors.items()}
    collected: dict[str, Tensor] = {}
    for name, tensor in named.items():
        full = whole(tensor)
        if is_kept:
            collected[name] = full.contiguous().cpu()
    return collected


def _check_names(found: dict[str, Tensor], parameters: dict[str, torch.nn.Parameter], path: Path) -> None:
    there = {name: tuple(tensor.shape) for name, tensor in found.items()}
    here = {name: tuple(p.shape) for name, p in parameters.items()}
    if there != here:
        name = next(name for name in (*there, *here) if there.get(name) != here.get(name))
        raise InputError(
            f"the parameter {name} is {there.get(name)} there and {here.get(name)} in this version's network.",
            file=path,
        )
