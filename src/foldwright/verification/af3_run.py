"""One run of AlphaFold 3 over a stored example, with everything it passes through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foldwright.errors import InputError
from foldwright.features.af3.batch import AF3Batch, batch_from_arrays
from foldwright.models.af3.config import AF3
from foldwright.models.af3.model import AF3Output, AlphaFold3
from foldwright.models.af3.sampler import RecordedDraws, Step
from foldwright.models.af3.trunk import TrunkState
from foldwright.verification.bundles import Bundle


@dataclass(frozen=True)
class Inputs:
    """What the original program was given, and what it drew."""

    config: AF3
    batch: AF3Batch
    orders: tuple[Tensor, ...]  # the rows of the alignment that each pass reads
    draws: RecordedDraws


@dataclass(frozen=True)
class Run:
    """Every pass of the trunk, every step of the sampler, and what the heads say in the end."""

    config: AF3
    batch: AF3Batch
    passes: tuple[TrunkState, ...]
    steps: tuple[Step, ...]
    output: AF3Output

    def tokens(self, x: Tensor) -> np.ndarray:
        """What belongs to tokens that are no padding."""
        return x[self.batch.tokens.mask > 0].numpy()

    def is_valid(self, axes: str, shape: torch.Size) -> Tensor:
        """1 where an output is of tokens and atoms that are there: `n` counts tokens, `atom` slots of the n before."""
        valid = torch.ones(shape, dtype=torch.bool)
        for place, axis in enumerate(axes.split()):
            if axis in ("n", "atom"):
                mask = self.batch.tokens.mask if axis == "n" else self.batch.atom_mask
                first = place if axis == "n" else place - 1
                sizes = [1] * first + list(mask.shape) + [1] * (len(shape) - first - mask.ndim)
                valid = valid & (mask > 0).view(sizes)
        return valid


def read_inputs(bundle: Bundle, config: AF3, dtype: torch.dtype) -> Inputs:
    """The batch and the draws of a bundle.

    Raises:
        InputError: an array that is missing.
    """
    try:
        batch = batch_from_arrays(bundle.arrays(bundle.inputs, "inputs")).to(dtype)
    except InputError as fault:
        raise bundle.error("inputs", str(fault)) from fault
    if bundle.draws is None:
        raise bundle.error("draws", "random numbers are needed, and none are named.")
    drawn = bundle.arrays(bundle.draws, "draws")
    names = ("init_noise", "rotation", "translation", "step_noise")
    missing = [f"rand/{name}" for name in (*names, "msa_perm") if f"rand/{name}" not in drawn]
    if missing:
        raise bundle.error("draws", f"{', '.join(missing)} is missing.")
    orders = torch.from_numpy(drawn["rand/msa_perm"]).long()[:, : config.features.num_msa]
    if len(orders) != config.num_recycles + 1:
        raise bundle.error("draws", f"{len(orders)} orders of rows for {config.num_recycles + 1} passes.")
    draws = RecordedDraws(*(torch.from_numpy(drawn[f"rand/{name}"]).to(dtype) for name in names))
    return Inputs(config, batch, tuple(orders), draws)


def run(model: AlphaFold3, inputs: Inputs) -> Run:
    """The network on the inputs, with the draws replayed."""
    batch = inputs.batch
    target_feat = model.input_features(batch)
    passes = tuple(model.passes(batch, target_feat, inputs.orders))
    steps = tuple(model.steps(batch, target_feat, passes[-1], inputs.draws))
    output = model.output(batch, target_feat, passes[-1], steps[-1].positions)
    return Run(inputs.config, batch, passes, steps, output)
