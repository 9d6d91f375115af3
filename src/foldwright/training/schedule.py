"""How the learning rate and the number of passes change through a run."""

from __future__ import annotations

import math

import numpy as np

from foldwright.training.recipe import Optimiser, Recipe

PASSES, DROPOUT = 1, 2  # what a random stream is for; the first number of an example's own draws is left to the data


def learning_rate(optimiser: Optimiser, examples_seen: int, total: int) -> float:
    """The rate of the step after which `examples_seen` of `total` examples have been seen.

    AF2 Suppl. 1.11.3: a linear rise, then constant, then lower by a factor. A final fraction below 1 lays a cosine
    over what follows the rise.
    """
    rate = optimiser.learning_rate
    if examples_seen < optimiser.warmup_examples:
        return rate * examples_seen / optimiser.warmup_examples
    if examples_seen > optimiser.decay_after_examples:
        rate *= optimiser.decay_factor
    done = (examples_seen - optimiser.warmup_examples) / max(1, total - optimiser.warmup_examples)
    cosine = (1 + math.cos(math.pi * min(done, 1.0))) / 2
    return rate * (optimiser.final_fraction + (1 - optimiser.final_fraction) * cosine)


def num_passes(recipe: Recipe, step: int) -> int:
    """How often the network is run on each example of a step; the same in every process.

    AF2 Suppl. Alg. 31 "RecyclingTraining", line 1.
    """
    rng = np.random.default_rng([recipe.seed, PASSES, step])
    return int(rng.integers(1, recipe.sampling.max_passes + 1))


def dropout_seed(recipe: Recipe, number: int) -> int:
    """The seed of what the network draws for an example: whoever computes it draws the same."""
    return int(np.random.SeedSequence([recipe.seed, DROPOUT, number]).generate_state(1, np.uint64)[0] >> 1)
