"""The stages by which the published networks were trained (AF2 Suppl. 1.11.1, 1.12.1, Tables 4 and 5)."""

from __future__ import annotations

from dataclasses import replace

from foldwright.models.af2.config import AF2, FeatureSizes
from foldwright.models.af2.presets import model_1, with_pae
from foldwright.training import objective_af2 as objective
from foldwright.training.recipe import Optimiser, Recipe, Sampling

NEVER = 10**12  # examples


def initial_training() -> Recipe:
    """From random numbers, on crops of 256 residues (Suppl. Table 4, initial training)."""
    return Recipe(
        name="initial_training",
        # DISCREPANCY(AF2 Suppl. Table 4): 128 sequences count the 4 template slots, as in the presets.
        model=_reading(model_1(), FeatureSizes(num_clusters=124, num_extra=1024)),
        losses=objective.initial_training(),
    )


def fine_tuning() -> Recipe:
    """Larger crops and deeper alignments, and structures without violations (Suppl. Table 4, fine-tuning).

    Begin it with the parameters of `initial_training`.
    """
    return Recipe(
        name="fine_tuning",
        model=model_1(),
        losses=objective.fine_tuning(),
        sampling=Sampling(crop_size=384),
        optimiser=Optimiser(learning_rate=5e-4, warmup_examples=0, decay_after_examples=NEVER),
        num_steps=11_719,  # 1.5 million examples
    )


def fine_tuning_ptm() -> Recipe:
    """Fine-tuning of a network that also predicts its aligned errors (Suppl. 1.9.7, Table 5)."""
    base = fine_tuning()
    return replace(base, name="fine_tuning_ptm", model=with_pae(base.model), losses=objective.fine_tuning_ptm())


def _reading(config: AF2, features: FeatureSizes) -> AF2:
    return replace(config, features=features)
