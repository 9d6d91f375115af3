"""Residues as people name them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from foldwright.io.structure import Structure

MOST_NAMED = 12


def residue_name(structure: Structure, residue: int) -> str:
    """The residue's name, chain and the authors' number: CYS A45."""
    chain = structure.chain_ids[structure.chain_index[residue]]
    number = f"{structure.author_numbers[residue]}{structure.insertion_codes[residue]}"
    return f"{structure.residue_names[residue]} {chain}{number}"


def residue_names(structure: Structure, residues: Int[np.ndarray, " named"]) -> list[str]:
    """The names of several residues."""
    return [residue_name(structure, i) for i in residues.tolist()]


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, the first dozen of many."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
