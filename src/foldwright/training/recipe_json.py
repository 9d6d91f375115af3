"""A recipe as text, so that a checkpoint says exactly how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from foldwright.errors import InputError
from foldwright.training.recipe import Recipe

T = TypeVar("T")


def recipe_to_json(recipe: Recipe) -> str:
    """Every field of a recipe, readable and exact."""
    return json.dumps(asdict(recipe), indent=1)


def recipe_from_json(text: str) -> Recipe:
    """The recipe that `recipe_to_json` wrote.

    Raises:
        InputError: not such a text, or one with fields that this version does not know.
    """
    try:
        return _read(Recipe, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise InputError(f"this is not a recipe: {fault}.", remedy="It may come from another version.") from fault


def differences(one: Recipe, other: Recipe) -> Iterator[tuple[str, Any, Any]]:
    """The dotted path and both values of every field in which two recipes differ."""
    left, right = _flat(asdict(one)), _flat(asdict(other))
    for path in dict.fromkeys((*left, *right)):
        if left.get(path) != right.get(path):
            yield path, left.get(path), right.get(path)


def _read(kind: type[T], values: dict[str, Any]) -> T:
    hints = get_type_hints(kind)
    unknown = values.keys() - {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    if unknown:
        raise KeyError(f"unknown field {sorted(unknown)[0]}")
    return kind(**{name: _value(hints[name], value) for name, value in values.items()})


def _value(hint: Any, value: Any) -> Any:
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not NoneType]
    return _read(kinds[0], value) if is_dataclass(kinds[0]) and value is not None else value  # pyright: ignore


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
