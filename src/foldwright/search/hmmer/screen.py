"""HMMER's first filter (MSV) decided beforehand for the sequences that it would turn away without a doubt.

The scores are those of HMMER, in its thirds of a bit (Eddy 2011, PLoS Comput. Biol. 7, e1002195, "MSV filter"; the
single-segment form of HMMER 3.1's release notes). What passes here, or may, goes through all of HMMER's own filters, so
that hits, scores and E-values are the program's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import inf, log, log1p

import numpy as np
from jaxtyping import Float64, Int8, Int64, UInt8
from pyhmmer.easel import Alphabet, DigitalSequenceBlock
from pyhmmer.plan7 import HMM, Background, OptimizedProfile, Profile

from foldwright.search.hmmer.packed import Packed

logger = logging.getLogger("foldwright.search")

_LANES = 16  # in which HMMER's registers hold the columns of a profile
_LENGTH = 100  # for which a profile is configured; scores of matches do not depend on it
_FLANKS = 3.0  # nats; HMMER's constant for L log(L / (L + 3)), the residues outside the segment
_ROUNDING = 1e-4  # HMMER rounds in single precision; what is that close to a half counts as passing
_COLUMNS_AT_ONCE = 768  # of profiles side by side: their costs and one state stay in the first cache
_COLUMNS_OF_LANE = 24  # of the 32 that hold them; no two profiles share one


def is_available(alphabet: Alphabet) -> bool:
    """Whether sequences can be screened here: proteins, with llvmlite, where its loop computes correctly."""
    return alphabet.is_amino() and find_spec("llvmlite") is not None and _is_loop_right()


@cache
def _is_loop_right() -> bool:
    from foldwright.search.hmmer.diagonals import agrees_with_definition

    if agrees_with_definition():
        return True
    logger.warning(
        "the compiled filter of searches computes wrongly on this machine; HMMER filters alone, which is slower"
    )
    return False


class Screen:
    """Which sequences HMMER's first filter would let pass at `F1`, for each of a few profiles.

    profiles  their places among all, in ascending order
    """

    def __init__(self, profiles: Sequence[int], of: Sequence[HMM], F1: float):
        from foldwright.search.hmmer.diagonals import CostTable

        self.profiles = profiles
        optimised = [_optimised(of[number]) for number in profiles]
        self._limits = [_Limit.of(of[n], each, F1) for n, each in zip(profiles, optimised, strict=True)]
        self._costs = CostTable.of([_costs(each) for each in optimised])

    def read(self, shard: Packed, piece: slice) -> list[DigitalSequenceBlock]:
        """For each profile those sequences of the piece that HMMER has to see."""
        from foldwright.search.hmmer.diagonals import best_scores

        best = best_scores(shard.codes, shard.starts[piece], shard.lengths[piece], self._costs)
        return [
            shard.read(np.flatnonzero(scores >= limit.needed(shard.distinct)[shard.kind[piece]]) + piece.start)
            for scores, limit in zip(best, self._limits, strict=True)
        ]


def screens(profiles: Sequence[HMM], F1: float) -> list[Screen]:
    """All profiles, in groups that are quick to follow together."""
    groups: list[list[int]] = []
    room = 0
    for number, profile in enumerate(profiles):
        if room < profile.M:
            groups.append([])
            room = _COLUMNS_AT_ONCE
        groups[-1].append(number)
        room -= max(profile.M, _COLUMNS_OF_LANE)
    return [Screen(group, profiles, F1) for group in groups]


@dataclass(frozen=True)
class _Limit:
    """What a profile asks of a score, in HMMER's numbers: thirds of a bit in a byte, costs of leaving and entering."""

    lowest_nats: float
    scale: float
    bias: int
    base: int
    begin: int
    end: int

    @classmethod
    def of(cls, profile: HMM, optimised: OptimizedProfile, F1: float) -> _Limit:
        mu, slope = list(profile.evalue_parameters.as_vector())[:2]  # of the Gumbel distribution of these scores, bits
        lowest_bits = mu - log(-log1p(-F1)) / slope if F1 < 1 else -inf
        scale, bias, base = optimised.scale_b, optimised.bias_b, optimised.base_b
        return cls(lowest_bits * log(2), scale, bias, base, begin=optimised.tbm, end=optimised.tec)

    def needed(self, lengths: Int64[np.ndarray, " lengths"]) -> UInt8[np.ndarray, " lengths"]:
        """The score, above that of the flanks alone, that makes the P-value of a sequence of each length at most F1.

        Less is enough where HMMER is left in doubt, because its bytes overflow or a second segment might add to the
        first.
        """
        flank = np.floor(self.scale * np.log((lengths + 3) / 3) + 0.5 - _ROUNDING).clip(0, 255)  # to enter or leave one
        nats = self.lowest_nats + background_log_odds(lengths) + _FLANKS
        significant = nats * self.scale + 2 * flank + self.begin + self.end - _ROUNDING
        second = flank + self.begin + self.end + 1
        overflow = np.minimum(127 - self.bias, 255 - self.bias - self.base + flank + self.begin)
        return np.ceil(np.minimum(significant, np.minimum(second, overflow))).clip(0, 255).astype(np.uint8)


def background_log_odds(lengths: Int64[np.ndarray, " lengths"]) -> Float64[np.ndarray, " lengths"]:
    """The score of the length under HMMER's null model, nats: a geometric distribution of that mean."""
    return lengths * (np.log(np.maximum(lengths, 1)) - np.log(lengths + 1)) - np.log(lengths + 1)


def _optimised(profile: HMM) -> OptimizedProfile:
    configured = Profile(profile.M, profile.alphabet)
    configured.configure(profile, Background(profile.alphabet), _LENGTH)
    return configured.to_optimized()


def _costs(profile: OptimizedProfile) -> Int8[np.ndarray, "codes columns"]:
    """What each code costs in each column, in thirds of a bit; HMMER keeps them above 0 and its columns in stripes."""
    striped = np.asarray(profile.rbv).astype(np.int16)
    stripes = striped.shape[1] // _LANES
    column = np.arange(profile.M)
    in_order = striped[:, column % stripes * _LANES + column // stripes]
    return (in_order - profile.bias_b).clip(-128, 127).astype(np.int8)
