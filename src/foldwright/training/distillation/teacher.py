"""A trained network that predicts structures for others to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.chem.residues import sequence_to_aatype
from foldwright.errors import InputError
from foldwright.features.af2 import Sampler, monomer_example
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import PRESETS, preset
from foldwright.training.data.chain import Chain
from foldwright.training.distillation.confidence import residue_confidence
from foldwright.training.distillation.sequences import Unlabelled
from foldwright.training.recipes.variants import build
from foldwright.weights.store import load_network
from foldwright.weights.trained import BUNDLED, find_trained

NO_EXPERIMENT = float("inf")  # resolution, angstrom: outside of every range that teaches confidence, Suppl. 1.9.6


class Unusable(ValueError):
    """A prediction from which nothing can be learnt."""


@dataclass(frozen=True)
class Guess:
    """What a teacher says of one sequence."""

    positions: Float[Tensor, "n 37 3"]  # angstrom
    atom_mask: Float[Tensor, "n 37"]
    distogram_logits: Float[Tensor, "n n bins"]

    def chain(self, of: Unlabelled, background: Float[Tensor, "separations bins"]) -> Chain:
        """The predicted structure as one to train on, with the confidence that decides which residues count."""
        confidence = residue_confidence(self.distogram_logits, background)
        mask = self.atom_mask > 0
        return Chain(
            id=of.name,
            aatype=sequence_to_aatype(of.sequence),
            residue_index=np.arange(len(of.sequence)),
            positions=(self.positions * mask[..., None]).numpy(),
            mask=mask.numpy(),
            resolution=NO_EXPERIMENT,
            kind="distilled",
            cluster=of.name,
            split="train",
            alignment=of.alignment if len(of.alignment) > 1 else None,
            confidence=confidence.float().numpy(),
        )


@dataclass(frozen=True)
class Teacher:
    """A network, how often it recycles, and how many rows of an alignment it may see."""

    model: AlphaFold
    device: str = "cpu"
    seed: int = 0
    max_rows: int | None = None  # None: all; the network's own sampling comes on top

    @torch.no_grad()
    def guess(self, of: Unlabelled) -> Guess:
        """The last pass of a prediction, which depends on the sequence, its alignment and the seed alone.

        Raises:
            Unusable: the prediction is not finite.
        """
        seed = int(of.key, 16) % 2**32 ^ self.seed
        if self.max_rows is not None:
            of = of.subsampled(self.max_rows, np.random.default_rng([self.seed, seed]))
        config = self.model.config
        sampler = Sampler(monomer_example([of.features]), config.features, is_multimer=False, seed=seed)
        passes = range(config.recycling.num_recycles + 1)
        output = self.model([sampler.draw(number).to(self.device)] for number in passes)
        guess = Guess(
            positions=output.positions.float().cpu(),
            atom_mask=output.atom_mask.float().cpu(),
            distogram_logits=output.distogram_logits.float().cpu(),
        )
        if not (guess.positions.isfinite().all() and guess.distogram_logits.isfinite().all()):
            raise Unusable("the prediction is not finite")
        return guess


def trained_network(source: str) -> AlphaFold:
    """The network of a run (its last checkpoint), of a checkpoint or an exported file, a bundled or an official one.

    Of training it has the averaged parameters, by which a run is judged (AF2 Suppl. 1.11.7).

    Raises:
        InputError: there is no such run, file or model, or it cannot be read.
    """
    found = find_trained(None, source) if source in BUNDLED else find_trained(source)
    if found is not None:
        model = build(found.variant, found.config)
        model.load_state_dict(found.state())
        return model.eval()
    if source in PRESETS:
        return load_network(None, preset(source), source)[0]
    raise InputError(
        f'"{source}" is no training run, no checkpoint and no model.',
        field="--teacher",
        remedy=f"Give the folder of a run that has a checkpoint, or one of {', '.join((*BUNDLED, *PRESETS))}.",
    )
