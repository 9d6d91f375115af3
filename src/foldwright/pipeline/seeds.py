"""The seeds of a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foldwright.errors import InputError
from foldwright.pipeline.options import consecutive_seeds

LARGEST_SEED = 2**32 - 1  # of AlphaFold 3's job files
MOST_SEEDS = 100_000


def check_seeds(seeds: Sequence[int], option: str) -> None:
    """Refuse what is no seed.

    Raises:
        InputError: naming it.
    """
    for seed in seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise InputError(f"{seed} is no seed.", field=option, remedy=f"Seeds are 0 to {LARGEST_SEED}.")


def parse_seeds(text: str) -> tuple[int, ...]:
    """`1,5,9-12` as seeds, each once.

    Raises:
        InputError: anything else.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            remedy = "Write numbers and ranges between commas, for example 1,2,10-14."
            raise InputError(f'cannot read "{part}".', field="--seeds", remedy=remedy)
        if int(last) - int(first) >= MOST_SEEDS:
            raise InputError(f"{part.strip()} are too many seeds.", field="--seeds", remedy="Give fewer.")
        found |= dict.fromkeys(range(int(first), int(last) + 1))
    return tuple(found)


def all_seeds(first: int | None, count: int | None, chosen: tuple[int, ...]) -> tuple[int, ...]:
    """Those that were chosen one by one, or `count` from the first on; without any choice seed 0.

    Raises:
        InputError: both choices at once.
    """
    refuse_both(first, count, chosen)
    return chosen or consecutive_seeds(first or 0, 1 if count is None else count)


def seeds_of_complexes(first: int | None, count: int | None, chosen: tuple[int, ...]) -> dict[str, Any]:
    """The same where jobs bring seeds of their own, from which `count` alone counts.

    Raises:
        InputError: both choices at once.
    """
    refuse_both(first, count, chosen)
    if first is None:
        return {"seeds": chosen, "num_seeds": count}
    return {"seeds": consecutive_seeds(first, 1 if count is None else count)}


def refuse_both(first: int | None, count: int | None, chosen: tuple[int, ...]) -> None:
    """Refuse seeds that are listed and counted at once.

    Raises:
        InputError: naming the options.
    """
    if chosen and not (first is None and count is None):
        raise InputError("--seeds lists them; --seed and --num-seeds count them.", remedy="Give one or the other.")
