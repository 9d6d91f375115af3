"""`--set trunk.num_blocks=8`: any value of a configuration by its dotted path, typed and checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_type_hints

from foldwright.errors import InputError

T = TypeVar("T")
FRACTIONS = ("dropout", "fraction", "beta1", "beta2", "decay_factor", "ema_decay")
MAY_BE_ZERO = (
    *("num_recycles", "tolerance", "num_extra", "num_templates", "num_blocks"),
    *("seed", "deletion_blocks", "warmup_examples", "decay_after_examples"),
)
GROUPS_THAT_MAY_BE_ZERO = ("losses",)  # the weight of a term that is left out
CHOICES = {"precision": ("float32", "bfloat16")}


def override(config: T, path: str, value: Any) -> T:
    """A copy of the configuration with one field changed; text is read as the field's type.

    Raises:
        InputError: no such field (the known ones are named), or a value that does not fit it.
    """
    known = dict(settable(config))
    if path.rpartition(".")[2] == "is_multimer":
        raise InputError(f"{path} belongs to the model.", field="--set", remedy="Choose another --model.")
    if path not in known:
        near = difflib.get_close_matches(path, known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise InputError(
            f"the configuration has no field {path}.", field="--set", remedy=f"{hint}Known: {', '.join(known)}."
        )
    return _replaced(config, path.split("."), _typed(path, value, known[path]))


def parse_overrides(assignments: Sequence[str]) -> dict[str, str]:
    """`trunk.num_blocks=8` as path and value; each path once.

    Raises:
        InputError: no equals sign, or a path given twice.
    """
    found: dict[str, str] = {}
    for text in assignments:
        path, equals, value = (part.strip() for part in text.partition("="))
        if not (path and equals and value):
            raise InputError(
                f'cannot read "{text}".', field="--set", remedy="Write PATH=VALUE, for example trunk.num_blocks=8."
            )
        if path in found:
            raise InputError(f"{path} is given twice.", field="--set", remedy="Give it once.")
        found[path] = value
    return found


def settable(config: Any, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Every field of a configuration that holds a value: its dotted path and type."""
    hints = get_type_hints(type(config))
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from settable(value, f"{prefix}{item.name}.")
        elif hints[item.name] in (int, float, bool) or item.name in CHOICES:
            yield prefix + item.name, hints[item.name]


def _replaced(config: T, path: list[str], value: Any) -> T:
    name, *rest = path
    inner = _replaced(getattr(config, name), rest, value) if rest else value
    return replace(config, **{name: inner})  # pyright: ignore[reportArgumentType]


def _typed(path: str, value: Any, kind: type) -> Any:
    group, _, name = path.rpartition(".")
    if name in CHOICES:
        return _chosen(path, value, CHOICES[name])
    typed = _parsed(path, value, kind)
    is_fraction = any(word in name for word in FRACTIONS)
    may_be_zero = is_fraction or name in MAY_BE_ZERO or group in GROUPS_THAT_MAY_BE_ZERO or kind is bool
    least = 0 if may_be_zero else 1 if kind is int else 1e-12
    most = 1 if is_fraction else math.inf
    if not (math.isfinite(typed) and least <= typed <= most):
        limits = f"between {least} and {most}" if is_fraction else f"of at least {least}"
        raise InputError(f"{path}={value} is not possible.", field="--set", remedy=f"Give a number {limits}.")
    return typed


def _chosen(path: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InputError(f'{path} cannot be "{value}".', field="--set", remedy=f"Choose {' or '.join(choices)}.")
    return value


def _parsed(path: str, value: Any, kind: type) -> Any:
    words = {"true": True, "false": False}
    try:
        if kind is bool:
            return value if isinstance(value, bool) else words[str(value).lower()]
        return kind(str(value))
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise InputError(f'{path} is {wanted}, not "{value}".', field="--set") from None
