"""Networks of any size whose files say what they are: checkpoints of a training run, and what was exported from one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.models.af2.config import AF2
from foldwright.models.af2.config_json import config_from_values, config_to_values

CHECKPOINT_FORMAT = "foldwright-training-1"  # in the header of a checkpoint
NETWORK_FORMAT = "foldwright-network-1"  # in the header of an exported network
CHECKPOINT, NETWORK = "Foldwright training checkpoint", "Foldwright network"
AVERAGED = "ema."  # of a checkpoint, the parameters a run is judged by, AF2 Suppl. 1.11.7
WHOLE = "alphafold"  # the variant that is AlphaFold 2 as published
BUNDLED = {path.stem: path for path in sorted((Path(__file__).parent / "bundled").glob("*.safetensors"))}
_STEP = re.compile(r"step_(\d+)\.safetensors")
_NAME = re.compile(r"[\w.+-]+")
State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A file with the parameters of one network and its configuration."""

    path: Path
    format: str
    name: str  # of the recipe it was trained by
    config: AF2
    variant: str  # which composition of modules it is
    note: Mapping[str, Any]  # what else its header says: steps, recipe, scores, licence

    @property
    def licence(self) -> str:
        return str(self.note.get("licence", "unknown"))

    @property
    def is_whole(self) -> bool:
        """Whether it is AlphaFold 2, not an ablated network."""
        return self.variant == WHOLE

    def require_whole(self) -> None:
        """Refuse an ablated network where AlphaFold 2 is built."""
        if not self.is_whole:
            raise InputError(
                f"this network is the variant {self.variant}, which is trained and evaluated but not predicted with.",
                file=self.path,
                remedy="`foldwright evaluate` scores it; `foldwright predict` needs a network without ablations.",
            )

    def state(self) -> State:
        """The parameters in float32; of a checkpoint the averaged ones.

        Raises:
            InputError: the file is damaged.
        """
        prefix = AVERAGED if self.format == CHECKPOINT else ""
        try:
            with safe_open(self.path, "pt") as file:
                keys = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118  not a mapping
                state = {key.removeprefix(prefix): file.get_tensor(key) for key in keys}
        except (SafetensorError, OSError) as fault:
            raise _damaged(self.path, fault) from fault
        if self.note.get("parameters_sha256") not in (None, parameters_sha256(state)):
            raise _damaged(self.path, ValueError("its numbers are not those that were written"))
        return {name: tensor.float() for name, tensor in state.items()}


def find_trained(source: str | Path | None, name: str | None = None) -> Trained | None:
    """The network of a run's folder (its last checkpoint), of a file that says what it is, or of the package.

    None for everything else: published parameters say nothing about themselves. `name`: the model that was asked for.

    Raises:
        InputError: a damaged header, a run without checkpoints, or another network than asked for.
    """
    if source is None:
        return read_trained(BUNDLED[name]) if name in BUNDLED else None
    path = _file_of(Path(source).expanduser())
    found = read_trained(path) if path else None
    if found and name and name != found.name:
        raise InputError(
            f"this file holds the network {found.name}, not {name}.",
            file=path,
            remedy="Leave --model out: the file says what it is.",
        )
    return found


def read_trained(path: Path) -> Trained | None:
    """The network of a file, None if it does not say what it is.

    Raises:
        InputError: it says so, and cannot be understood.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError):
        return None  # whoever reads it as something else says what is wrong
    readers = {CHECKPOINT_FORMAT: _of_checkpoint, NETWORK_FORMAT: _of_export}
    reader = readers.get(header.get("format", ""))
    if reader is None:
        return None
    try:
        return reader(path, header)
    except (ValueError, KeyError, TypeError, InputError) as fault:
        raise _damaged(path, fault) from fault


def export_network(
    trained: Trained, target: Path, name: str | None = None, state: State | None = None, **note: Any
) -> Trained:
    """Write the parameters of a network in half precision, with all that its file says and what is added here.

    `state` holds parameters that were changed since.

    Raises:
        InputError: the file cannot be read or written, or a parameter is too large for half precision.
    """
    state = {key: tensor.half() for key, tensor in (state or trained.state()).items()}
    for key, tensor in state.items():
        if not tensor.isfinite().all():
            raise InputError(f"the parameter {key} does not fit half precision.", file=trained.path)
    about = {
        "name": name or trained.name,
        "variant": trained.variant,
        "config": config_to_values(trained.config),
        **trained.note,
        "parameters_sha256": parameters_sha256(state),
        **note,
    }
    if not _NAME.fullmatch(about["name"]):
        remedy = "Use letters, digits and . _ + -."
        raise InputError(f'"{about["name"]}" cannot be the name of a network.', field="--name", remedy=remedy)
    with atomic_write(target, "wb") as file:
        file.write(save(state, {"format": NETWORK_FORMAT, "foldwright": json.dumps(about)}))
    written = read_trained(target)
    assert written is not None
    return written


def parameters_sha256(state: State) -> str:
    """Of the names and the bytes of all parameters, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def check_state(trained: Trained, model: torch.nn.Module, state: State) -> None:
    """Refuse parameters that are not those of the network.

    Raises:
        InputError: naming the first that differs.
    """
    here = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    there = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in dict.fromkeys((*here, *there)):
        if here.get(name) != there.get(name):
            raise InputError(
                f"the parameter {name} is {there.get(name, 'absent')} in this file and {here.get(name, 'absent')} in "
                "the network that is built.",
                file=trained.path,
                remedy="Was the network changed with --set? Sizes have to be those it was trained with.",
            )


def _file_of(path: Path) -> Path | None:
    """The file that a path means: itself, or the last checkpoint of a run's folder."""
    if not path.is_dir():
        return path if path.is_file() and path.suffix == ".safetensors" else None
    steps = {int(found[1]): file for file in path.glob("checkpoints/*") if (found := _STEP.fullmatch(file.name))}
    if not steps and (path / "recipe.json").is_file():
        remedy = "Wait until the run writes one, or see its --checkpoint-every."
        raise InputError("this run has no checkpoint yet.", file=path, remedy=remedy)
    return steps[max(steps)] if steps else None


def _of_checkpoint(path: Path, header: Mapping[str, str]) -> Trained:
    recipe = json.loads(header["recipe"])
    note = {"step": int(header["step"]), "examples": int(header["examples"]), "recipe": recipe}
    return _trained(path, CHECKPOINT, recipe["name"], recipe["model"], recipe.get("variant", WHOLE), note)


def _of_export(path: Path, header: Mapping[str, str]) -> Trained:
    note = json.loads(header["foldwright"])
    name, config, variant = (note.pop(key) for key in ("name", "config", "variant"))
    return _trained(path, NETWORK, name, config, variant, note)


def _trained(path: Path, kind: str, name: str, config: Any, variant: str, note: Mapping[str, Any]) -> Trained:
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" cannot be the name of a network')
    return Trained(path=path, format=kind, name=name, config=config_from_values(config), variant=variant, note=note)


def _damaged(path: Path, fault: Exception) -> InputError:
    return InputError(
        f"this file cannot be understood as a trained network ({fault}).",
        file=path,
        remedy="It may be damaged, or written by another version.",
    )
