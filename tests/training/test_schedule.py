"""The learning rate along a run, and the numbers drawn for each step."""

from collections import Counter
from dataclasses import replace

import pytest

from foldwright.training.recipe import Optimiser
from foldwright.training.schedule import dropout_seed, learning_rate, num_passes


def test_the_published_rate_rises_stays_and_falls_once():
    published = Optimiser()
    rates = [learning_rate(published, n, 10_000_000) for n in (128, 64_000, 128_000, 6_400_000, 6_400_001, 9_999_999)]
    assert rates == pytest.approx([1e-6, 5e-4, 1e-3, 1e-3, 0.95e-3, 0.95e-3])


def test_a_cosine_ends_at_the_final_fraction():
    chosen = replace(Optimiser(), warmup_examples=100, final_fraction=0.1)
    assert learning_rate(chosen, 100, 1100) == pytest.approx(1e-3)
    assert learning_rate(chosen, 600, 1100) == pytest.approx(0.55e-3)
    assert learning_rate(chosen, 1100, 1100) == learning_rate(chosen, 2000, 1100) == pytest.approx(1e-4)


def test_a_run_without_rise_begins_at_the_full_rate():
    assert learning_rate(replace(Optimiser(), warmup_examples=0), 1, 10) == 1e-3


def test_passes_are_drawn_uniformly_and_depend_on_seed_and_step_alone(recipe):
    recipe = replace(recipe, sampling=replace(recipe.sampling, max_passes=4))
    drawn = [num_passes(recipe, step) for step in range(2000)]
    assert drawn == [num_passes(recipe, step) for step in range(2000)]
    assert drawn != [num_passes(replace(recipe, seed=99), step) for step in range(2000)]
    counts = Counter(drawn)
    assert set(counts) == {1, 2, 3, 4}
    assert all(430 < count < 570 for count in counts.values())


def test_every_example_draws_its_own_dropout(recipe):
    seeds = {dropout_seed(replace(recipe, seed=seed), number) for seed in (0, 1) for number in range(100)}
    assert len(seeds) == 200
