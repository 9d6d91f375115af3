"""A recipe as text, so that a checkpoint says exactly how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from foldwright.errors import InputError
from foldwright.models.af2.config_json import read_fields
from foldwright.training.recipe import Recipe


def recipe_to_json(recipe: Recipe) -> str:
    """Every field of a recipe, readable and exact."""
    return json.dumps(asdict(recipe), indent=1)


def recipe_from_json(text: str) -> Recipe:
    """The recipe that `recipe_to_json` wrote; fields that it did not know yet have their defaults.

    Raises:
        InputError: not such a text, or one with fields that this version does not know.
    """
    try:
        values = json.loads(text)
    except ValueError as fault:
        raise InputError(f"this is not a recipe: {fault}.", remedy="It may be cut short.") from fault
    return read_fields(Recipe, values)


def differences(one: Recipe, other: Recipe) -> Iterator[tuple[str, Any, Any]]:
    """The dotted path and both values of every field in which two recipes differ."""
    left, right = _flat(asdict(one)), _flat(asdict(other))
    for path in dict.fromkeys((*left, *right)):
        if left.get(path) != right.get(path):
            yield path, left.get(path), right.get(path)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
