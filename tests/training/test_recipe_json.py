"""A recipe survives being written and read, and says in what it differs from another."""

from dataclasses import replace

import pytest

from foldwright.errors import InputError
from foldwright.training.recipe_json import differences, recipe_from_json, recipe_to_json
from foldwright.training.recipes import RECIPES


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_reads_back_equal(name):
    recipe = RECIPES[name]()
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


def test_differences_are_named_by_path(recipe):
    other = replace(recipe, seed=4, optimiser=replace(recipe.optimiser, learning_rate=1e-4))
    assert list(differences(recipe, other)) == [("optimiser.learning_rate", 1e-3, 1e-4), ("seed", 3, 4)]
    assert not list(differences(recipe, replace(recipe)))


def test_a_field_of_another_version_keeps_its_default_or_is_refused(recipe):
    text = recipe_to_json(replace(recipe, seed=0))
    assert recipe_from_json(text.replace(',\n "seed": 0', "")) == replace(recipe, seed=0)
    with pytest.raises(InputError, match="sead"):
        recipe_from_json(text.replace('"seed"', '"sead"'))
    with pytest.raises(InputError, match="not a recipe"):
        recipe_from_json(text[:40])
