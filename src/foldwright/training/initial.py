"""Parameters to begin a run with: those of another run, or published ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import PRESETS
from foldwright.training import checkpoint
from foldwright.weights.store import load_weights
from foldwright.weights.trained import BUNDLED


def load_parameters(source: str, config: AF2) -> dict[str, Tensor]:
    """What a run, a checkpoint, a weight file or the name of a published model (model_1_ptm) holds.

    Of training it is the averaged parameters, by which a run is judged (AF2 Suppl. 1.11.7).

    Raises:
        InputError: nothing of this name is there, or it is another network's.
    """
    path = Path(source)
    found = checkpoint.checkpoints(path)[-1:] if path.is_dir() else []
    if not found and path.suffix == ".safetensors" and path.is_file() and checkpoint.is_checkpoint(path):
        found = [path]
    if found:
        checkpoint.read_header(found[0])
        return checkpoint.read_tensors(found[0], ("ema",))["ema"]
    if source in PRESETS or source in BUNDLED:
        return load_weights(None, config, source)[0]
    return load_weights(source, config)[0]


@torch.no_grad()
def begin_with(model: AlphaFold, parameters: dict[str, Tensor], source: str) -> list[str]:
    """Copy parameters into a network; a head that they lack stays as it is. The names of such heads.

    Raises:
        InputError: they are those of another network.
    """
    here = dict(model.named_parameters())
    lacking = [name for name in here if name not in parameters]
    shapes = {name: (tuple(p.shape), tuple(here[name].shape)) for name, p in parameters.items() if name in here}
    wrong = [f"{name} is not part of this network" for name in parameters if name not in here]
    wrong += [f"{name} is missing" for name in lacking if "_head." not in name]
    wrong += [
        f"{name} has the shape {there}, here it is {now}" for name, (there, now) in shapes.items() if there != now
    ]
    if wrong:
        more = f" ({len(wrong)} parameters in all)" if len(wrong) > 1 else ""
        raise InputError(
            f"these are the parameters of another network: {wrong[0]}{more}.",
            file=source,
            remedy="Choose the recipe they were made by, or change its sizes with --set.",
        )
    for name, value in parameters.items():
        here[name].copy_(value)
    return list(dict.fromkeys(name.partition(".")[0] for name in lacking))
