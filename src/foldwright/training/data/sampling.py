"""Which chain is example number k: a pure function of the seed and the number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from foldwright.errors import InputError

SHORT, LONG = 256, 512  # residues between which the chance of a chain grows, AF2 Suppl. 1.2.5

# What a random stream is for; `training.schedule` has 1 and 2.
ROUND, CHAIN, SOURCE, CONTENT = 3, 4, 5, 6


def stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    """The random numbers of one purpose of one example, whatever else was drawn before."""
    return np.random.default_rng([seed, purpose, number])


def length_probability(lengths: Int[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """How likely a chain of this length is accepted: max(min(n, 512), 256) / 512 (AF2 Suppl. 1.2.5)."""
    return np.clip(lengths, SHORT, LONG) / LONG


class Draw:
    """The chain of every example: a cluster, one of its members, accepted by its length.

    Every cluster counts once, however many members it has (AF2 Suppl. 1.2.5). As many examples as there are clusters
    make a round in which each cluster has its turn; a chain that is not accepted gives it to one drawn from all.
    """

    def __init__(self, clusters: Sequence[str], lengths: Sequence[int], seed: int, is_length_weighted: bool = True):
        """Raises InputError if there is no chain."""
        if not len(clusters):
            raise InputError("there is no chain to draw.", remedy="Choose another split or prepare more structures.")
        by_cluster: dict[str, list[int]] = {}
        for chain, cluster in enumerate(clusters):
            by_cluster.setdefault(cluster, []).append(chain)
        self.members = [np.array(members) for members in by_cluster.values()]
        self.seed = seed
        self.probability = length_probability(np.asarray(lengths)) if is_length_weighted else np.ones(len(lengths))
        self._round = lru_cache(maxsize=2)(self._shuffled)

    def __call__(self, number: int) -> int:
        turn, place = divmod(number, len(self.members))
        rng = stream(self.seed, CHAIN, number)
        chain = self._member(int(self._round(turn)[place]), rng)
        while rng.random() >= self.probability[chain]:
            chain = self._member(int(rng.integers(len(self.members))), rng)
        return chain

    def _member(self, cluster: int, rng: np.random.Generator) -> int:
        return int(rng.choice(self.members[cluster]))

    def _shuffled(self, turn: int) -> Int[np.ndarray, " clusters"]:
        return stream(self.seed, ROUND, turn).permutation(len(self.members))
