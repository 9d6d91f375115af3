"""One prediction: what was asked, the structure, the confidence, and where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from foldwright.io.structure import Structure
from foldwright.pipeline.rank import Confidence
from foldwright.pipeline.scores import Scores


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One structure that one model made of one job with one seed."""

    job: str
    model: str
    seed: int
    structure: Structure  # pLDDT in its B factors
    scores: Scores
    relaxed: Structure | None = None  # the same after minimisation, if that was asked for
    paths: Mapping[str, Path] = field(default_factory=dict)  # pdb, cif, scores, pae; empty if nothing was written
    record: Mapping[str, Any] = field(default_factory=dict)  # how it was made: what run.json says of it

    @property
    def name(self) -> str:
        return prediction_name(self.model, self.seed)

    @property
    def for_ranking(self) -> Confidence:
        """What it is ranked by; of one that was read from files exactly what it was when it was made."""
        kept = self.record.get("for_ranking")
        return Confidence(**kept) if kept else self.scores.for_ranking

    @property
    def plddt(self) -> Float[np.ndarray, " n"]:
        """Expected lDDT-Calpha of each residue, 0 to 100."""
        return self.scores.plddt

    @property
    def pae(self) -> Float[np.ndarray, "n n"] | None:
        """Expected error of the column's residue when aligned on the row's, angstrom."""
        return self.scores.pae

    @property
    def ptm(self) -> float | None:
        return self.scores.ptm

    @property
    def iptm(self) -> float | None:
        return self.scores.iptm


@dataclass(frozen=True, kw_only=True)
class FailedJob:
    """A job that could not be predicted, and why."""

    job: str
    error: Exception


def prediction_name(model: str, seed: int) -> str:
    """The stem of a prediction's files."""
    return f"{model}_seed{seed}"
