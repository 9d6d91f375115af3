"""Which prediction comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """The numbers a ranking needs of one prediction."""

    mean_plddt: float
    ptm: float | None
    iptm: float | None


def ranking_confidence(confidence: Confidence) -> float:
    """Mean pLDDT of one chain; 0.8 ipTM + 0.2 pTM of a complex (AF-Multimer Suppl. 7.? "model confidence")."""
    if confidence.iptm is None or confidence.ptm is None:
        return confidence.mean_plddt
    return 0.8 * confidence.iptm + 0.2 * confidence.ptm


def ranked(confidences: Mapping[str, Confidence]) -> list[str]:
    """Names, best first; equals keep their order."""
    return sorted(confidences, key=lambda name: -ranking_confidence(confidences[name]))


def ranking_record(confidences: Mapping[str, Confidence]) -> dict:
    """The content of ranking.json: the score by its name, and the order of the ranked files."""
    order = ranked(confidences)
    is_complex = any(c.iptm is not None for c in confidences.values())
    return {
        "ranked_by": "0.8 ipTM + 0.2 pTM" if is_complex else "mean pLDDT",
        "order": order,
        "confidence": {name: round(ranking_confidence(confidences[name]), 4) for name in order},
        "files": {f"ranked_{i}": name for i, name in enumerate(order)},
    }
