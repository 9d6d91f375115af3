"""What a person may choose for a prediction, checked where it enters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.presets import PRESETS
from foldwright.models.overrides import override
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.sources import base_config
from foldwright.weights.trained import BUNDLED

PRECISIONS = ("float32", "bfloat16", "auto")
RELAX = ("none", "best", "all")

GROUPS = {
    "monomer": tuple(f"model_{i}" for i in range(1, 6)),
    "monomer_ptm": tuple(f"model_{i}_ptm" for i in range(1, 6)),
    "multimer": tuple(f"model_{i}_multimer_v3" for i in range(1, 6)),
    "multimer_v2": tuple(f"model_{i}_multimer_v2" for i in range(1, 6)),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """One choice of evidence, networks, sampling and machine; None leaves a number to the model's preset."""

    evidence: Evidence = field(default_factory=Evidence)

    models: tuple[str, ...] = ()  # empty: what suits the input, of those whose weights are found
    weights: str | None = None  # a file, a folder or "rule"; None: the cache
    recycles: int | None = None
    recycle_tolerance: float | None = None  # angstrom
    seeds: tuple[int, ...] = (0,)
    max_msa: tuple[int, int] | None = None  # clusters, extra rows
    ensemble: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    device: str = "auto"
    memory_limit: int | None = None  # bytes
    relax: str = "none"  # the best prediction, all or none

    def __post_init__(self):
        at_least("--recycles", self.recycles, 0)
        at_least("--recycle-tolerance", self.recycle_tolerance, 0)
        at_least("--ensemble", self.ensemble, 1)
        at_least("--num-seeds", len(self.seeds), 1)
        for seed in self.seeds:
            at_least("--seed", seed, 0)
        for count in self.max_msa or ():
            at_least("--max-msa", count, 1)
        check_precision(self.precision)
        if self.relax not in RELAX:
            raise InputError(f'there is no "{self.relax}".', field="--relax", remedy=f"Use {', '.join(RELAX)}.")

    def config(self, model: str) -> AF2:
        """The network of `model` with every choice applied.

        Raises:
            InputError: an unknown field, a value of the wrong type, or one number set by two options; or the weights
                are those of another network.
        """
        config = base_config(self.weights, model)
        for path, value in self._as_overrides().items():
            config = override(config, path, value)
        return config

    def _as_overrides(self) -> dict[str, Any]:
        clusters, extra = self.max_msa or (None, None)
        chosen = {
            "--max-msa": {"features.num_clusters": clusters, "features.num_extra": extra},
            "--recycles": {"recycling.num_recycles": self.recycles},
            "--recycle-tolerance": {"recycling.tolerance": self.recycle_tolerance},
            "--ensemble": {"recycling.num_ensemble": self.ensemble},
        }
        result: dict[str, Any] = {}
        for option, values in chosen.items():
            for path, value in values.items():
                if value is None:
                    continue
                if path in self.overrides:
                    raise InputError(f"{option} and --set {path} both set the same number.", remedy="Give one of them.")
                result[path] = value
        return result | dict(self.overrides)


def check_precision(precision: str) -> None:
    """Refuse a type of matrix products that there is not.

    Raises:
        InputError: naming those that there are.
    """
    if precision not in PRECISIONS:
        raise InputError(
            f'unknown precision "{precision}".', field="--precision", remedy=f"Use {', '.join(PRECISIONS)}."
        )


def at_least(option: str, value: int | float | None, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        InputError: naming the option.
    """
    if value is not None and not (math.isfinite(value) and value >= least):
        raise InputError(f"{value} is not possible.", field=option, remedy=f"Give a number of at least {least}.")


def model_names(words: Sequence[str]) -> tuple[str, ...]:
    """Official names for a list of names, comma lists and groups, each once and in the order given.

    Raises:
        InputError: a name that is neither a model nor a group.
    """
    found: dict[str, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word in GROUPS:
            found |= dict.fromkeys(GROUPS[word])
        elif word in PRESETS or word in BUNDLED:
            found[word] = None
        else:
            raise InputError(
                f'unknown model "{word}".',
                field="--model",
                remedy=f"Groups are {', '.join(GROUPS)}; models are {', '.join((*BUNDLED, *PRESETS))}.",
            )
    return tuple(found)


def parse_max_msa(text: str) -> tuple[int, int]:
    """`512:1024` as clusters and extra rows, the form ColabFold users know.

    Raises:
        InputError: anything else.
    """
    parts = text.split(":")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(
            f'cannot read "{text}".', field="--max-msa", remedy="Write CLUSTERS:EXTRA, for example 512:1024."
        )
    return int(parts[0]), int(parts[1])


def consecutive_seeds(first: int, count: int) -> tuple[int, ...]:
    """`count` seeds from `first` on."""
    at_least("--num-seeds", count, 1)
    return tuple(range(first, first + count))
