"""What can be wrong with a network in training, and when it counts as wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from foldwright.errors import TrainingError

NAMED = 4  # parameters named in a line; the rest are counted


class Kind(StrEnum):
    """What is wrong, in words that stand before the parameters' names."""

    NON_FINITE = "not a number"
    UNCHANGED = "receives gradients but does not change"
    STATE_ZERO = "optimiser state stays zero"
    STATE_FROZEN = "optimiser state stands still"
    NOT_OPTIMISED = "not held by the optimiser"
    FOREIGN = "held by the optimiser but not in the network"
    NON_CONTIGUOUS = "not contiguous in memory"
    NO_GRADIENT = "no gradient arrives"
    DEAD = "adds nothing"
    EXPLODING = "explodes"


FATAL = {Kind.NON_FINITE, Kind.UNCHANGED, Kind.STATE_ZERO, Kind.STATE_FROZEN, Kind.NOT_OPTIMISED, Kind.FOREIGN}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    parameter: str  # or the layer, by its name in the network
    kind: Kind
    message: str

    @property
    def is_fatal(self) -> bool:
        """Whether going on would waste the time it takes."""
        return self.kind in FATAL


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on something counts as wrong; our own choices, wide enough to be silent on a healthy run."""

    first_steps: int = 3  # of every start are watched: most mistakes show at once
    patience: int = (
        10  # watched steps without a gradient before it is reported; a layer that starts at zero hides those
    )
    # before it in the first step, and the recycling embedder learns only in steps of two passes or more
    tiny_gradient: float = 1e-12  # below it squares leave float32 once they are averaged over a thousand steps
    resolution: float = 8.0  # units in the last place that an update must reach before it has to be seen
    dead_after: int = 10  # watched steps: a layer whose last map starts at zero needs some to add anything
    dead: float = 1e-7  # of the stream's size: lost when added in float32
    exploding: float = 1e2  # of the stream's size, in one layer
    huge: float = 1e6  # size of a stream
    exploding_gradient: float = 1e4  # of the median over blocks of a stack


def described(findings: Iterable[Finding]) -> list[str]:
    """One line for each kind of finding: a message, the first names and how many more."""
    groups: dict[Kind, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    return [_line(kind, group) for kind, group in groups.items()]


def _line(kind: Kind, group: list[Finding]) -> str:
    names = ", ".join(finding.parameter for finding in group[:NAMED])
    more = f" and {len(group) - NAMED} more" if len(group) > NAMED else ""
    return f"{kind}: {names}{more}. {group[0].message}"


def stop_if_fatal(findings: Iterable[Finding]) -> None:
    """Raise TrainingError for the findings with which training is of no use."""
    fatal = [finding for finding in findings if finding.is_fatal]
    if fatal:
        raise TrainingError(" ".join(described(fatal)))
