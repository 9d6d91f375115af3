"""Training runs by name; each is a function, so that a new one is a `replace` away."""

from __future__ import annotations

from collections.abc import Callable

from foldwright.errors import InputError
from foldwright.training.recipe import Recipe
from foldwright.training.recipes import small

RECIPES: dict[str, Callable[[], Recipe]] = {"tiny": small.tiny}


def recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: an unknown name; the message lists the known ones.
    """
    if name not in RECIPES:
        raise InputError(f'unknown recipe "{name}".', field="recipe", remedy=f"Known recipes: {', '.join(RECIPES)}.")
    return RECIPES[name]()
