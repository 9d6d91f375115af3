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

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.packed import read_packed

_TABLES = ("chain_iptm", "chain_pair_iptm", "chain_pair_pae_min", "chain_ptm")
_NUMBERS = ("fraction_disordered", "iptm", "ptm", "ranking_score")


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
        file.write(ranking_text(rows))


def ranking_text(rows: Sequence[tuple[int, int, float]]) -> str:
    """Seed, sample and ranking score of every structure of a job, not rounded, as text of a CSV file."""
    return "seed,sample,ranking_score\n" + "".join(f"{seed},{sample},{score}\n" for seed, sample, score in rows)


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


def read_confidences(path: str | Path) -> Confidences:
    """The long file as it was written, plain or packed. Raises InputError if it is none."""
    record = _record(path)
    try:
        arrays = {name: np.array(record[name], np.float32) for name in ("atom_plddts", "contact_probs", "pae")}
        names = {name: record[name] for name in ("atom_chain_ids", "token_chain_ids", "token_res_ids")}
    except (KeyError, TypeError, ValueError) as error:
        raise _not_understood(path, error) from error
    return Confidences(**arrays, **names)


def read_summary(path: str | Path) -> SummaryConfidences:
    """The short file as it was written. Raises InputError if it is none."""
    record = _record(path)
    try:
        values: dict[str, Any] = {name: np.array(record[name], float) for name in _TABLES}
        values |= {name: float("nan" if record[name] is None else record[name]) for name in _NUMBERS}
        return SummaryConfidences(**values, chain_ids=record["chain_ids"], has_clash=bool(record["has_clash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _not_understood(path, error) from error


def _record(path: str | Path) -> Any:
    try:
        return json.loads(read_packed(path))
    except ValueError as error:
        raise _not_understood(path, error) from error


def _not_understood(path: str | Path, error: Exception) -> InputError:
    what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return InputError(f"this is no confidence file of AlphaFold 3: {what}.", file=path, remedy="Was it written whole?")
