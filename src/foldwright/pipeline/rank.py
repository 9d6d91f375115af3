"""Which prediction comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PLDDT, INTERFACE = "mean pLDDT", "0.8 ipTM + 0.2 pTM"


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """The numbers a ranking needs of one prediction."""

    mean_plddt: float  # 0 to 100
    ptm: float | None
    iptm: float | None

    @property
    def score(self) -> float:
        """Mean pLDDT of one chain (AF2 Suppl. 1.9.6); 0.8 ipTM + 0.2 pTM of a complex (AF-Multimer, section 2.2)."""
        return self.by(INTERFACE if self.iptm is not None else PLDDT)

    def by(self, measure: str) -> float:
        """One of the two measures; an interface that is not predicted counts 0."""
        if measure == PLDDT:
            return self.mean_plddt
        return 0.8 * (self.iptm or 0.0) + 0.2 * (self.ptm or 0.0)


def measure_of(confidences: Iterable[Confidence]) -> str:
    """The measure that all of a job's predictions have, so that they can be compared."""
    return INTERFACE if all(c.iptm is not None for c in confidences) else PLDDT


def ranked(confidences: Mapping[str, Confidence]) -> list[str]:
    """Names, best first; equals keep their order."""
    measure = measure_of(confidences.values())
    return sorted(confidences, key=lambda name: -confidences[name].by(measure))


def ranking_record(confidences: Mapping[str, Confidence]) -> dict[str, Any]:
    """The content of ranking.json: the measure, its value for each prediction, and the order of the ranked files."""
    order, measure = ranked(confidences), measure_of(confidences.values())
    return {
        "ranked_by": measure,
        "order": order,
        "values": {name: round(confidences[name].by(measure), 4) for name in order},
        "files": {f"ranked_{i}": name for i, name in enumerate(order)},
    }
