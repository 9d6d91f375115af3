"""Training runs by name; each is a function, so that a new one is a `replace` away."""

from __future__ import annotations

from collections.abc import Callable, Collection
from inspect import isfunction
from types import ModuleType

from foldwright.errors import InputError
from foldwright.training.recipe import Recipe
from foldwright.training.recipes import af2, small
from foldwright.training.recipes.ablations import ABLATIONS, ablated, published


def _functions(module: ModuleType) -> dict[str, Callable[[], Recipe]]:
    """Every public function of a module of recipes is one."""
    own = {name: f for name, f in vars(module).items() if isfunction(f) and f.__module__ == module.__name__}
    return {name: f for name, f in own.items() if not name.startswith("_")}


RECIPES: dict[str, Callable[[], Recipe]] = {
    **_functions(small),
    **_functions(af2),
    **{f"ablation_{name}": (lambda name=name: published(name)) for name in ABLATIONS},
}


def recipe(name: str) -> Recipe:
    """The recipe of this name; ablations are appended with plus signs: `tiny+no_triangles`.

    Raises:
        InputError: an unknown name; the message lists the known ones.
    """
    start, *changes = name.split("+")
    _require_known(start, RECIPES)
    for change in changes:
        _require_known(change, ABLATIONS)
    found = RECIPES[start]()
    for change in changes:
        found = ablated(found, change)
    return found


def _require_known(name: str, known: Collection[str]) -> None:
    if name not in known:
        remedy = f"Recipes: {', '.join(RECIPES)}; each may be followed by any of +{', +'.join(ABLATIONS)}."
        raise InputError(f'unknown recipe "{name}".', field="recipe", remedy=remedy)
