"""The two confidence files that AlphaFold 3 writes beside each structure, byte for byte in its form.

Missing values (NaN) are null in the summary. In the long file numbers are cut to what two decimals (pLDDT, contacts) or
one (errors) say, halves away from zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from foldwright.io.atomic import atomic_write


@dataclass(frozen=True, kw_only=True, eq=False)
class Confidences:
    """What the long file holds: atoms and tokens in the order of the structure's file, without padding."""

    atom_chain_ids: Sequence[str]
    atom_plddts: Float[np.ndarray, " atoms"]  # 0 to 100
    contact_probs: Float[np.ndarray, "n n"]
    pae: Float[np.ndarray, "n n"]  # angstrom, row: aligned on, column: error of
    token_chain_ids: Sequence[str]
    token_res_ids: Sequence[int]  # of the residue; shared by the tokens of one


@dataclass(frozen=True, kw_only=True, eq=False)
class SummaryConfidences:
    """What the short file holds; chains in the order of the structure."""

    # DISCREPANCY(AF3 output documentation, chain_ids): one per chain is meant, one per token released.
    chain_ids: Sequence[str]
    chain_iptm: Float[np.ndarray, " chains"]
    chain_pair_iptm: Float[np.ndarray, "chains chains"]
    chain_pair_pae_min: Float[np.ndarray, "chains chains"]  # angstrom
    chain_ptm: Float[np.ndarray, " chains"]
    fraction_disordered: float
    has_clash: bool
    iptm: float
    ptm: float
    ranking_score: float


def write_confidences(path: str | Path, confidences: Confidences) -> None:
    """Write the long file. Raises InputError if the place cannot be written."""
    with atomic_write(path) as file:
        for piece in _pieces(confidences):
            file.write(piece)


def write_summary(path: str | Path, summary: SummaryConfidences) -> None:
    """Write the short file. Raises InputError if the place cannot be written."""
    with atomic_write(path) as file:
        file.write(summary_text(summary))


def confidences_text(confidences: Confidences) -> str:
    """The long file."""
    return "".join(_pieces(confidences))


def summary_text(summary: SummaryConfidences) -> str:
    """The short file."""
    record = {name: _rounded(value) for name, value in vars(summary).items()}
    record |= {"chain_ids": list(summary.chain_ids), "has_clash": float(summary.has_clash)}
    return json.dumps(record, indent=1, separators=(",", ": "), sort_keys=True, allow_nan=False)


def write_ranking(path: str | Path, rows: Sequence[tuple[int, int, float]]) -> None:
    """Write seed, sample and ranking score of every structure of a job. Raises InputError if it cannot be written."""
    with atomic_write(path) as file:
        file.write("seed,sample,ranking_score\n")
        file.writelines(f"{seed},{sample},{score}\n" for seed, sample, score in rows)


def _rounded(value: Any) -> Any:
    """Two decimals; None for NaN."""
    if isinstance(value, np.ndarray):
        return [_rounded(part) for part in value.tolist()]
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return None if value != value else round(value, 2) if isinstance(value, float) else value


def _pieces(confidences: Confidences) -> Iterator[str]:
    """The file in pieces, so that a large matrix is never whole as text."""
    yield f'{{\n  "atom_chain_ids": {_list(confidences.atom_chain_ids)},\n'
    yield f'  "atom_plddts": {_numbers(confidences.atom_plddts, 2)},\n'
    yield from _matrix("contact_probs", np.minimum(confidences.contact_probs, 1), 2)
    yield from _matrix("pae", confidences.pae, 1)
    yield f'  "token_chain_ids": {_list(confidences.token_chain_ids)},\n'
    yield f'  "token_res_ids": {_list(map(int, confidences.token_res_ids))}\n}}'


def _list(values: Any) -> str:
    return json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)


def _matrix(name: str, values: Float[np.ndarray, "n n"], decimals: int) -> Iterator[str]:
    yield f'  "{name}": ['
    for i, row in enumerate(values):
        yield ("," if i else "") + _numbers(row, decimals)
    yield "],\n"


def _numbers(values: Float[np.ndarray, " n"], decimals: int) -> str:
    scale = 10**decimals
    whole = np.floor(np.asarray(values, np.float32) * np.float32(scale) + 0.5)
    steps = np.clip(whole, 0, 100 * scale - 1).astype(np.int64)  # at most 99.99 or 99.9
    return f"[{','.join([str(step / scale) for step in steps.tolist()])}]"
