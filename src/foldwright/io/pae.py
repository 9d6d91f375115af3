"""Predicted aligned errors, from JSON of Foldwright, AlphaFold 2 and its database, ColabFold and AlphaFold 3."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.io.text import read_lines, stem

_REMEDY = "Give the PAE or scores JSON of Foldwright, AlphaFold 2, its database, ColabFold or AlphaFold 3."
_KEYS = ("pae", "predicted_aligned_error")


@dataclass(frozen=True, eq=False)
class AlignedErrors:
    """What such a file tells; tokens are residues, but in AlphaFold 3 also atoms of ligands and modified residues."""

    pae: Float[np.ndarray, "tokens tokens"]  # angstrom, row: aligned on, column: error of
    ptm: float | None = None
    iptm: float | None = None
    tokens: tuple[tuple[str, int], ...] | None = None  # chain and number of each token's residue

    def of_residues(self, structure: Structure, file: str | Path | None = None) -> Float[np.ndarray, "n n"]:
        """The errors between the residues of a structure, in its order.

        Raises InputError if the file is of another structure.
        """
        if self.tokens is not None:
            chosen = _first_tokens(self.tokens, structure, file)
            return self.pae[np.ix_(chosen, chosen)]
        if len(self.pae) != len(structure):
            message = f"the errors are of {len(self.pae)} residues, the structure has {len(structure)}."
            raise InputError(message, file=file, remedy="Are these files of one prediction?")
        return self.pae


def read_pae(path: str | Path) -> AlignedErrors:
    """The errors that a JSON file holds, and the confidence of the whole if it tells that.

    Raises InputError if it is no such file.
    """
    record = _record(path)
    pae = _matrix(record, path)
    ptm, iptm = (_number(record.get(name)) for name in ("ptm", "iptm"))
    return AlignedErrors(pae, ptm, iptm, _tokens(record, len(pae), path))


def _tokens(record: dict[str, Any], count: int, path: str | Path) -> tuple[tuple[str, int], ...] | None:
    """What the tokens of AlphaFold 3 belong to; None where every token is a residue."""
    chains, numbers = record.get("token_chain_ids"), record.get("token_res_ids")
    if chains is None or numbers is None:
        return None
    if not len(chains) == len(numbers) == count:
        message = f"{count} rows of errors beside {len(chains)} and {len(numbers)} tokens."
        raise InputError(message, file=path, field="token_chain_ids", remedy="Was this file written completely?")
    return tuple(zip(map(str, chains), map(int, numbers), strict=True))


def _first_tokens(
    tokens: Sequence[tuple[str, int]], structure: Structure, file: str | Path | None
) -> Int[np.ndarray, " n"]:
    """The first token of every residue: the only one, unless the residue is modified."""
    first = {key: i for i, key in reversed(list(enumerate(tokens)))}
    names = [structure.chain_ids[i] for i in structure.chain_index]
    keys = list(zip(names, structure.author_numbers.tolist(), strict=True))
    missing = next((key for key in keys if key not in first), None)
    if missing is not None:
        message = f"no errors for residue {missing[1]} of chain {missing[0]}."
        raise InputError(message, file=file, remedy="Are these files of one prediction?")
    return np.array([first[key] for key in keys])


def find_pae(structure: Path) -> Path | None:
    """The file of aligned errors that belongs to a structure, by the names that these programs give; None if none."""
    names = dict.fromkeys(_names(structure))
    found = (structure.with_name(name + packed) for name in names for packed in ("", ".gz"))
    return next((path for path in found if path.is_file()), None)


def _names(structure: Path) -> Iterator[str]:
    """File names that may hold the errors of a structure, the likeliest first."""
    name = stem(structure)
    name = _ranked(structure, name)
    name = re.sub(r"_relaxed$", "", name)
    yield f"{name}_scores.json"  # Foldwright
    yield f"{name}_pae.json"
    yield f"pae_{re.sub('^(un)?relaxed_', '', name)}.json"  # AlphaFold 2
    yield re.sub("_(un)?relaxed_", "_scores_", name) + ".json"  # ColabFold
    yield re.sub("_(un)?relaxed_.*", "_predicted_aligned_error_v1", name) + ".json"
    yield re.sub("-model_", "-predicted_aligned_error_", name) + ".json"  # AlphaFold database
    yield re.sub(r"_model_(\d+)$", r"_full_data_\1", name) + ".json"  # AlphaFold server
    yield re.sub("_model$", "_confidences", name) + ".json"  # AlphaFold 3
    if name == "model":
        yield "confidences.json"


def _ranked(structure: Path, name: str) -> str:
    """The prediction that `ranked_0` is, by the table that Foldwright or AlphaFold 2 writes beside it."""
    number = re.fullmatch(r"ranked_(\d+)", name)
    for table in ("ranking.json", "ranking_debug.json") if number else ():
        path = structure.with_name(table)
        order = _record(path).get("order", []) if path.is_file() else []
        if number and int(number[1]) < len(order):
            return str(order[int(number[1])])
    return name


def _record(path: str | Path) -> dict[str, Any]:
    text = "\n".join(read_lines(path))
    try:
        found = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError("this is not JSON.", file=path, line=line, remedy=_REMEDY) from error
    found = found[0] if isinstance(found, list) and found else found
    if not isinstance(found, dict):
        raise InputError("no aligned errors are in it.", file=path, remedy=_REMEDY)
    return found


def _matrix(record: dict[str, Any], path: str | Path) -> Float[np.ndarray, "n n"]:
    field = next((key for key in _KEYS if record.get(key) is not None), None)
    values = record[field] if field else record.get("distance")
    if values is None:
        raise InputError("no aligned errors are in it.", file=path, remedy=_REMEDY)
    try:
        pae = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("the errors are not a square of numbers.", file=path, field=field, remedy=_REMEDY) from error
    if pae.ndim == 1 and field is None:  # the first form of AlphaFold's database: one list, row after row
        side = round(len(pae) ** 0.5)
        pae = pae.reshape(side, side) if side * side == len(pae) else pae
    if pae.ndim != 2 or pae.shape[0] != pae.shape[1] or not pae.size:
        raise InputError(f"the errors are {pae.shape}, not a square.", file=path, field=field, remedy=_REMEDY)
    if not np.isfinite(pae).all() or pae.min() < 0:
        raise InputError("the errors hold what is no distance.", file=path, field=field, remedy=_REMEDY)
    return pae


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
