"""How close predictions are to the truth, chain by chain, and what can be said of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.features.structure import CA
from foldwright.metrics.lddt import lddt_ca
from foldwright.metrics.rmsd import rmsd
from foldwright.metrics.tm import tm_score
from foldwright.training.data.chain import Chain

MEASURES = ("lddt_ca", "tm", "rmsd", "plddt")
LENGTH_BINS = (0, 64, 96, 128, 192)  # residues: above the first, up to the next
DEPTH_BINS = (0, 1, 15, 63, 255)  # rows of the alignment; 1 is a sequence alone
NUM_RESAMPLED = 2000


@dataclass(frozen=True)
class Trace:
    """The C-alphas of a prediction; NaN where a residue was not placed, which then keeps no distance at all."""

    positions: Float[Tensor, "n 3"]  # angstrom
    plddt: Float[Tensor, " n"] | None = None  # 0 to 100; None of what claims nothing


@dataclass(frozen=True, kw_only=True, eq=False)
class ChainScore:
    """One chain: its scores, and those of its known residues."""

    id: str
    length: int
    depth: int  # rows of the alignment that was read
    lddt_ca: float  # mean over residues, 0 to 1
    tm: float  # of corresponding residues, over all known ones
    rmsd: float  # angstrom, over the residues that were placed
    plddt: float  # mean, 0 to 100; NaN of what claims nothing
    residue_lddt: Float[np.ndarray, " known"]
    residue_plddt: Float[np.ndarray, " known"]


def score_chain(chain: Chain, trace: Trace, depth: int | None = None) -> ChainScore:
    """The scores of one prediction; `depth` says how many rows were read if not all of the chain's."""
    known = torch.from_numpy(chain.mask[:, CA].astype(bool))
    true_positions = torch.from_numpy(chain.positions[:, CA]).double()[known]
    positions = trace.positions.double().cpu()[known]
    everywhere = torch.ones(len(positions), dtype=torch.float64)
    residues = lddt_ca(positions, true_positions, everywhere)
    plddt = torch.full_like(residues, torch.nan) if trace.plddt is None else trace.plddt.double().cpu()[known]
    is_placed = positions.isfinite().all(-1)
    tm, deviation = _superposed_scores(positions[is_placed], true_positions[is_placed], len(positions))
    return ChainScore(
        id=chain.id,
        length=len(chain),
        depth=chain.depth if depth is None else depth,
        lddt_ca=float(residues.nanmean()),
        tm=tm,
        rmsd=deviation,
        plddt=float(plddt.mean()),
        residue_lddt=residues.numpy(),
        residue_plddt=plddt.numpy(),
    )


def _superposed_scores(positions: Tensor, true_positions: Tensor, length: int) -> tuple[float, float]:
    if len(positions) < 4:  # fewer points fit anything
        return 0.0, float("nan")
    ones = torch.ones(len(positions), dtype=positions.dtype)
    return float(tm_score(positions, true_positions, length)), float(rmsd(positions, true_positions, ones))


@dataclass(frozen=True)
class Interval:
    """A mean over chains, and where 95% of the means of resampled chains lie."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(values: Float[np.ndarray, " chains"], seed: int = 0) -> Interval:
    """The mean and its percentile interval from resampling chains with replacement."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(len(known), size=(NUM_RESAMPLED, len(known)))
    low, high = np.percentile(known[drawn].mean(1), [2.5, 97.5])
    return Interval(float(known.mean()), float(low), float(high))


@dataclass(frozen=True)
class Scores:
    """The scores of one predictor on a set of chains."""

    chains: tuple[ChainScore, ...]

    def values(self, measure: str) -> Float[np.ndarray, " chains"]:
        """One measure of every chain."""
        return np.array([getattr(chain, measure) for chain in self.chains], dtype=np.float64)

    def interval(self, measure: str) -> Interval:
        """Its mean over chains with the bootstrap interval."""
        return bootstrap(self.values(measure))

    def better_by(self, other: Scores, measure: str = "lddt_ca") -> Interval:
        """The mean difference to another predictor on the same chains, resampled chain by chain."""
        if [chain.id for chain in self.chains] != [chain.id for chain in other.chains]:
            raise ValueError("two predictors are compared on the same chains")
        return bootstrap(self.values(measure) - other.values(measure))

    def binned(self, key: Callable[[ChainScore], int], edges: Sequence[int]) -> dict[str, Scores]:
        """The chains by bins of a number: above one edge and up to the next; empty bins are left out."""
        found: dict[str, Scores] = {}
        for low, high in zip(edges, (*edges[1:], None), strict=True):
            part = tuple(c for c in self.chains if key(c) > low and (high is None or key(c) <= high))
            name = f"> {low}" if high is None else f"{low + 1}" if high == low + 1 else f"{low + 1}-{high}"
            if part:
                found[name] = Scores(part)
        return found

    def by_length(self) -> dict[str, Scores]:
        """By bins of the number of residues."""
        return self.binned(lambda chain: chain.length, LENGTH_BINS)

    def by_depth(self) -> dict[str, Scores]:
        """By bins of the number of rows that were read."""
        return self.binned(lambda chain: chain.depth, DEPTH_BINS)

    @cached_property
    def means(self) -> dict[str, float]:
        """Every measure, averaged over chains."""
        return {measure: _mean(self.values(measure)) for measure in MEASURES}

    @cached_property
    def residues(self) -> tuple[Float[np.ndarray, " residues"], Float[np.ndarray, " residues"]]:
        """pLDDT and true lDDT-Calpha of every residue that has both, each 0 to 100."""
        plddt = np.concatenate([chain.residue_plddt for chain in self.chains])
        lddt = 100 * np.concatenate([chain.residue_lddt for chain in self.chains])
        has_both = np.isfinite(plddt) & np.isfinite(lddt)
        return plddt[has_both], lddt[has_both]


def collect(chains: Iterable[ChainScore]) -> Scores:
    """Scores of chains as they come.

    Raises:
        ValueError: there is none.
    """
    found = Scores(tuple(chains))
    if not found.chains:
        raise ValueError("no chain to score")
    return found


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
