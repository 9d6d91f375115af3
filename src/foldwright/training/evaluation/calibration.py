"""Whether confidence means what it says: pLDDT against the lDDT-Calpha that was reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.training.evaluation.scoring import Scores

NUM_BINS = 10
Values = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Bin:
    """Residues whose pLDDT lies in a range."""

    low: float
    high: float
    count: int
    plddt: float  # mean, 0 to 100
    lddt: float  # mean of what was reached, 0 to 100


@dataclass(frozen=True)
class Calibration:
    """The reliability of a predictor's confidence."""

    bins: tuple[Bin, ...]  # those that hold residues
    residue_r: float  # Pearson correlation over residues
    chain_r: float  # over chains, of the means

    @property
    def expected_error(self) -> float:
        """How far mean pLDDT and mean lDDT of a bin lie apart, weighted by its residues; 0 to 100."""
        total = sum(found.count for found in self.bins)
        return sum(found.count * abs(found.plddt - found.lddt) for found in self.bins) / total


def calibration(scores: Scores, num_bins: int = NUM_BINS) -> Calibration:
    """The reliability curve and correlations of a network's pLDDT.

    Raises:
        ValueError: the predictor claims no confidence.
    """
    plddt, lddt = scores.residues
    if not len(plddt):
        raise ValueError("this predictor claims no confidence")
    return Calibration(
        bins=reliability(plddt, lddt, num_bins),
        residue_r=pearson(plddt, lddt),
        chain_r=pearson(scores.values("plddt"), scores.values("lddt_ca")),
    )


def reliability(plddt: Values, lddt: Values, num_bins: int = NUM_BINS) -> tuple[Bin, ...]:
    """Bins of equal width from 0 to 100, without the empty ones."""
    edges = np.linspace(0, 100, num_bins + 1)
    place = np.clip(np.digitize(plddt, edges) - 1, 0, num_bins - 1)
    return tuple(
        Bin(low, high, int(chosen.sum()), float(plddt[chosen].mean()), float(lddt[chosen].mean()))
        for i, (low, high) in enumerate(zip(edges.tolist(), edges[1:].tolist(), strict=False))
        if (chosen := place == i).any()
    )


def pearson(one: Values, other: Values) -> float:
    """Pearson's correlation; NaN where one of them does not vary."""
    a, b = one - one.mean(), other - other.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 0 else float("nan")


def plot(found: Calibration, target: Path, title: str = "") -> None:
    """The reliability curve as a picture.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as fault:
        remedy = "pip install 'foldwright[train]' brings it."
        raise InputError("pictures need matplotlib, which is not installed.", remedy=remedy) from fault
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color="0.7", linewidth=1)
    largest = max(each.count for each in found.bins)
    sizes = [20 + 180 * each.count / largest for each in found.bins]
    axes.plot([each.plddt for each in found.bins], [each.lddt for each in found.bins], color="tab:blue")
    axes.scatter([each.plddt for each in found.bins], [each.lddt for each in found.bins], s=sizes, color="tab:blue")
    axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="pLDDT", ylabel="lDDT-Cα reached", aspect="equal")
    axes.set_title(f"{title} r = {found.residue_r:.2f} (residues), {found.chain_r:.2f} (chains)".strip(), fontsize=9)
    with atomic_write(target, "wb") as file:
        figure.savefig(file, format=target.suffix.lstrip(".") or "png", dpi=150)
