"""How good AlphaFold 3 expects one structure to be: as a whole, of every chain, of every two chains (AF3 SI 5.9).

Arrays have no padding. A row is the token whose frame is aligned on; rows without a frame say nothing, and what has
no row left to say anything is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

_TINY = 1e-8  # per pair, beside the weights of a mean, as released

Table = Float[np.ndarray, "chains chains"]
PerChain = Float[np.ndarray, " chains"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedErrors:
    """What the heads say of one structure of n tokens."""

    asym_id: Int[np.ndarray, " n"]
    has_frame: Bool[np.ndarray, " n"]
    tm_global: Float[np.ndarray, "n n"]  # expected terms of the TM-score with d0 of all tokens
    tm_interface: Float[np.ndarray, "n n"]  # with d0 of the tokens of the two chains
    pae: Float[np.ndarray, "n n"]  # angstrom
    pde: Float[np.ndarray, "n n"]  # angstrom
    contact_probabilities: Float[np.ndarray, "n n"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """TM-scores from 0 to 1, errors in angstrom; chains in the order of their `asym_id`."""

    ptm: float
    iptm: float  # NaN for one chain
    chain_pair_iptm: Table  # on the diagonal the chain's own pTM
    chain_pair_pae_mean: Table
    chain_pair_pae_min: Table
    chain_pair_pde_mean: Table
    chain_pair_pde_min: Table
    pae_within: PerChain  # pairs count as likely as they touch, and so in the next four
    pae_across: PerChain
    pde_within: PerChain
    pde_across: PerChain
    contact_pae: float

    @property
    def chain_ptm(self) -> PerChain:
        """pTM of each chain."""
        return np.diagonal(self.chain_pair_iptm)

    @property
    def chain_iptm(self) -> PerChain:
        """The mean ipTM of each chain with every other."""
        return mean_with_others(self.chain_pair_iptm)

    @property
    def mean_tm(self) -> float:
        """0.8 ipTM + 0.2 pTM; NaN for one chain."""
        return 0.8 * self.iptm + 0.2 * self.ptm


def scores(errors: PredictedErrors) -> Scores:
    """Every score of one structure that follows from the errors its network expects."""
    rows = np.repeat(errors.has_frame[:, None], len(errors.asym_id), axis=1)
    chains = chain_masks(errors.asym_id)
    everywhere = np.ones_like(rows)
    touching = errors.contact_probabilities.astype(np.float64)
    contact_pae = chain_pair_mean(errors.pae, touching * rows, chains)
    same = errors.asym_id[:, None] == errors.asym_id
    return Scores(
        ptm=best_row(errors.tm_global, rows),
        iptm=best_row(errors.tm_global, rows & ~same),
        chain_pair_iptm=chain_pair_iptm(errors.tm_interface, rows, chains),
        chain_pair_pae_mean=chain_pair_mean(errors.pae, rows, chains),
        chain_pair_pae_min=chain_pair_min(errors.pae, rows, chains),
        chain_pair_pde_mean=chain_pair_mean(errors.pde, everywhere, chains),
        chain_pair_pde_min=chain_pair_min(errors.pde, everywhere, chains),
        pae_within=np.diagonal(contact_pae),
        pae_across=mean_with_others(contact_pae),
        pde_within=contact_means(errors.pde, touching * same, chains),
        pde_across=contact_means(errors.pde, touching * ~same, chains),
        contact_pae=contact_mean(errors.pae, touching * rows),
    )


def chain_masks(asym_id: Int[np.ndarray, " n"]) -> Bool[np.ndarray, "chains n"]:
    """Which tokens each chain has."""
    return np.unique(asym_id)[:, None] == asym_id


def best_row(tm: Float[np.ndarray, "n n"], counted: Bool[np.ndarray, "n n"]) -> float:
    """The TM-score expected after aligning on the best frame (AF3 SI 5.9.1, equations 17-18)."""
    if not counted.any():
        return np.nan
    wide = np.where(counted, tm, 0).astype(np.float64)
    return float((wide.sum(1) / (counted.sum(1) + _TINY)).max())


def chain_pair_iptm(
    tm: Float[np.ndarray, "n n"], rows: Bool[np.ndarray, "n n"], chains: Bool[np.ndarray, "chains n"]
) -> Table:
    """ipTM of every two chains as if there were no others, either chain aligned on; on the diagonal the chain's pTM."""

    def score(i: int, j: int) -> float:
        if i == j:
            return best_row(tm, rows & np.outer(chains[i], chains[i]))
        across = np.outer(chains[i], chains[j])
        return best_row(tm, rows & (across | across.T))

    return _table(score, len(chains))


def chain_pair_mean(
    values: Float[np.ndarray, "n n"], weights: np.ndarray, chains: Bool[np.ndarray, "chains n"]
) -> Table:
    """The weighted mean between every two chains, rows in the first and columns in the second."""

    def mean(i: int, j: int) -> float:
        block = np.ix_(chains[i], chains[j])
        return _mean(values[block], weights[block])

    return _table(mean, len(chains))


def chain_pair_min(
    values: Float[np.ndarray, "n n"], counted: Bool[np.ndarray, "n n"], chains: Bool[np.ndarray, "chains n"]
) -> Table:
    """The least value between every two chains, rows in the first and columns in the second."""

    def least(i: int, j: int) -> float:
        block = np.ix_(chains[i], chains[j])
        return float(np.min(values[block], where=counted[block], initial=np.inf)) if counted[block].any() else np.nan

    return _table(least, len(chains))


def contact_means(
    values: Float[np.ndarray, "n n"], weights: Float[np.ndarray, "n n"], chains: Bool[np.ndarray, "chains n"]
) -> PerChain:
    """The weighted mean over the rows of each chain; zero, not NaN, where nothing counts, as released."""
    wide = values.astype(np.float64)
    sums = [((wide * weights)[chain].sum(), weights[chain].sum()) for chain in chains]
    return np.array([total / (weight + _TINY * values.size) for total, weight in sums])


def contact_mean(values: Float[np.ndarray, "n n"], weights: Float[np.ndarray, "n n"]) -> float:
    """The weighted mean over all pairs; NaN where none counts."""
    total = weights.sum()
    return float((values.astype(np.float64) * weights).sum() / (total + 1e-6)) if total > 0 else np.nan


def mean_with_others(table: Table) -> PerChain:
    """What each chain has with the others: the mean of the means over its row and over its column, NaN left out."""
    others = np.where(np.eye(len(table), dtype=bool), np.nan, table)
    return _nan_mean(np.stack([_nan_mean(others), _nan_mean(others.T)], axis=1))


def ranking_score(ptm: float, iptm: float, fraction_disordered: float, has_clash: bool) -> float:
    """What orders the samples of all seeds (AF3 SI 5.9.3, equation 19); pTM alone where there is one chain."""
    tm = ptm if np.isnan(iptm) else 0.8 * iptm + 0.2 * ptm
    return tm + 0.5 * fraction_disordered - 100.0 * has_clash


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    total = weights.sum(dtype=np.float64)
    return float((values.astype(np.float64) * weights).sum() / (total + _TINY * values.size)) if total > 0 else np.nan


def _nan_mean(table: np.ndarray) -> np.ndarray:
    """The mean of each row without what is NaN; NaN where that is all."""
    known = ~np.isnan(table)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, table, 0).sum(1) / np.maximum(count, 1), np.nan)


def _table(entry, size: int) -> Table:
    return np.array([[entry(i, j) for j in range(size)] for i in range(size)])
