"""The processes that train one network together, and what they exchange."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from foldwright.errors import InputError, TrainingError
from foldwright.training.blocks import outer_blocks
from foldwright.training.recipe import Recipe

KINDS = ("none", "ddp", "fsdp")
PATIENCE = timedelta(minutes=10)  # for a process that does not answer
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    rank: int = 0
    world: int = 1
    is_divided: bool = False  # each holds a part of the network (FSDP2), not a copy

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place.

        Raises:
            LostProcess: one of them is gone.
        """
        if self.world > 1:
            with naming_losses():
                dist.all_reduce(tensor)
        return tensor


class LostProcess(TrainingError):
    """Another process of the run ended or fell silent."""


@contextmanager
def naming_losses() -> Iterator[None]:
    """What the transport says of a lost peer, in words that a person can use."""
    try:
        yield
    except RuntimeError as fault:
        rank = dist.get_rank() if dist.is_initialized() else 0
        raise LostProcess(
            f"process {rank} can no longer reach the others ({str(fault).splitlines()[0]}). One of them has ended: its "
            "own message, above, says why. The last checkpoint stands; the same command goes on from it."
        ) from fault


@contextmanager
def processes(kind: str, device: str) -> Iterator[Processes]:
    """The processes that torchrun started, joined while this is entered; by itself for "none".

    Raises:
        InputError: an unknown kind, or torchrun did not start this process.
    """
    if kind not in KINDS:
        raise InputError(f'unknown kind "{kind}".', field="--parallel", remedy=f"Use {', '.join(KINDS)}.")
    if kind == "none":
        _refuse_torchrun()
        yield Processes()
        return
    if "RANK" not in os.environ:
        raise InputError(
            f"{kind} needs several processes.",
            field="--parallel",
            remedy="Start it as: torchrun --nproc-per-node N -m foldwright train ... --parallel " + kind,
        )
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), is_divided=kind == "fsdp")
    finally:
        dist.destroy_process_group()


def own_device(device: str) -> str:
    """The GPU that belongs to this process, where the run uses GPUs."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def check_parallel(recipe: Recipe, processes: Processes) -> None:
    """Whether the recipe can be run by a network in parts.

    Raises:
        InputError: it clips the gradient of single examples, which no process ever holds then.
    """
    if processes.is_divided and recipe.optimiser.is_clipped_per_example:
        raise InputError(
            "a network in parts cannot clip the gradient of each example: no process holds all of it.",
            field="--parallel fsdp",
            remedy="Add --set optimiser.is_clipped_per_example=false, or use ddp.",
        )


def divide(model: Model, device: torch.device, world: int) -> Model:
    """The same network of which each process holds a part, brought together block by block as it is run (FSDP2)."""
    # Nothing here changes an output in place, of which torch warns.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
    mesh = init_device_mesh(device.type, (world,))
    for block in outer_blocks(model):
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)  # pyright: ignore[reportReturnType]


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds; the whole where nothing is divided."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor collected from all processes that hold a part; every process has to ask."""
    if not isinstance(tensor, DTensor):
        return tensor
    with naming_losses():
        return tensor.full_tensor()


def _refuse_torchrun() -> None:
    """Several processes that do not know of each other would write into one folder."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("torchrun started several processes.", field="--parallel", remedy="Add --parallel ddp.")
