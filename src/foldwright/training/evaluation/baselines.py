"""Predictors that know little, so that a score means something: a helix, a copied training chain, an idle network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
import torch

from foldwright.chem.residues import ONE_TO_THREE
from foldwright.features.structure import CA
from foldwright.models.af2.config import AF2
from foldwright.training.data.chain import Chain
from foldwright.training.data.examples import numbers_of
from foldwright.training.data.shards import ShardedChains
from foldwright.training.evaluation.evaluate import NetworkPredictor
from foldwright.training.evaluation.scoring import Trace
from foldwright.training.recipes import variants

# The alpha helix of Pauling, Corey & Branson (1951) PNAS 37, 205: 3.6 residues in a turn of 5.4 angstrom.
HELIX_TURN, HELIX_RISE = np.deg2rad(100.0), 1.5  # per residue, angstrom
HELIX_RADIUS = 2.3  # of the C-alphas, angstrom
SCORING = gemmi.AlignmentScoring("b")  # BLOSUM62, gap 10 + 1


def helix(chain: Chain) -> Trace:
    """Every residue in one straight ideal helix."""
    place = torch.arange(len(chain), dtype=torch.float64)
    turn = place * HELIX_TURN
    positions = (HELIX_RADIUS * turn.cos(), HELIX_RADIUS * turn.sin(), HELIX_RISE * place)
    return Trace(torch.stack(positions, dim=-1))


def untrained(
    config: AF2, variant: str = variants.WHOLE, seed: int = 0, device: torch.device | str = "cpu"
) -> NetworkPredictor:
    """The network as it is before its first step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NetworkPredictor.of(variants.build(variant, config).to(device))


@dataclass(frozen=True)
class NearestTrainingChain:
    """A copy of the training chain whose sequence is most like; residues without a partner are not placed."""

    chains: ShardedChains
    numbers: Sequence[int]
    names: Sequence[Sequence[str]]  # of their residues

    @classmethod
    def of(cls, chains: ShardedChains, split: str = "train") -> NearestTrainingChain:
        """Over all chains of the split.

        Raises:
            InputError: there is none.
        """
        numbers = numbers_of(chains, split)
        return cls(chains, numbers, [_names(chains[number].sequence) for number in numbers])

    def __call__(self, chain: Chain) -> Trace:
        number, alignment = self.best(chain)
        ours, theirs = partners(alignment.cigar_str())
        source = self.chains[number]
        positions = torch.full((len(chain), 3), torch.nan, dtype=torch.float64)
        copied = np.where(source.mask[theirs, CA, None], source.positions[theirs, CA], np.nan)
        positions[torch.from_numpy(ours)] = torch.from_numpy(copied).double()
        return Trace(positions)

    def best(self, chain: Chain) -> tuple[int, gemmi.AlignmentResult]:
        """The number of the nearest chain and its alignment; what overhangs at either end costs nothing."""
        names = _names(chain.sequence)
        aligned = ((number, align(names, others)) for number, others in zip(self.numbers, self.names, strict=True))
        return max(aligned, key=lambda item: (overlap_score(item[1]), -item[0]))


def align(query: Sequence[str], target: Sequence[str]) -> gemmi.AlignmentResult:
    """The best global alignment of two chains, given by their residues' names."""
    return gemmi.align_string_sequences(query, target, [], SCORING)


def overlap_score(alignment: gemmi.AlignmentResult) -> int:
    """The score without what gaps at the ends cost."""
    steps = _steps(alignment.cigar_str())
    ends = [steps[0], steps[-1]] if len(steps) > 1 else steps[:1]
    return alignment.score - sum(SCORING.gapo + SCORING.gape * count for count, kind in ends if kind != "M")


def partners(cigar: str) -> tuple[np.ndarray, np.ndarray]:
    """Which residues of the query stand beside which of the target."""
    ours, theirs, pairs = 0, 0, []
    for count, kind in _steps(cigar):
        if kind == "M":
            pairs += zip(range(ours, ours + count), range(theirs, theirs + count), strict=True)
        ours += count * (kind in "MI")
        theirs += count * (kind in "MD")
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _steps(cigar: str) -> list[tuple[int, str]]:
    return [(int(count), kind) for count, kind in re.findall(r"(\d+)([MID])", cigar)]


def _names(sequence: Iterable[str]) -> list[str]:
    return [ONE_TO_THREE.get(letter, "UNK") for letter in sequence]
