"""A configuration as JSON, so that a file of parameters says which network it belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2

T = TypeVar("T")


def config_to_values(config: AF2) -> dict[str, Any]:
    """Every field of a configuration, as JSON has them."""
    return asdict(config)


def config_from_values(values: Any) -> AF2:
    """The configuration that `config_to_values` wrote.

    Raises:
        InputError: an unknown field, or a value that does not fit; its dotted path is named.
    """
    return read_fields(AF2, values)


def read_fields(kind: type[T], values: Any, path: str = "") -> T:
    """A configuration dataclass from plain values; fields that are not given keep their defaults.

    Raises:
        InputError: an unknown field, or a value that does not fit; its dotted path is named.
    """
    if not isinstance(values, Mapping):
        raise _unfit(path or kind.__name__, values, "a group of fields")
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in known:
            raise InputError(f"the configuration has no field {path}{name}.", remedy="It may be of another version.")
    return kind(**{name: _value(hints[name], value, path + name) for name, value in values.items()})


def _value(hint: Any, value: Any, path: str) -> Any:
    kinds = get_args(hint) or (hint,)
    if value is None and NoneType in kinds:
        return None
    kind = next(kind for kind in kinds if kind is not NoneType)
    if is_dataclass(kind):
        return read_fields(kind, value, f"{path}.")  # pyright: ignore[reportArgumentType]
    fits = {
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
        str: isinstance(value, str),
    }
    if not fits[kind]:
        raise _unfit(path, value, f"of type {kind.__name__}")
    return kind(value)


def _unfit(path: str, value: Any, wanted: str) -> InputError:
    return InputError(f"{path} is {value!r} and should be {wanted}.", remedy="The file may be damaged.")
