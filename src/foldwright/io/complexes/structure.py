"""Structures of any molecules, one record per heavy atom, as AlphaFold 3 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.errors import InputError
from foldwright.io.packed import read_packed

PROTEIN, RNA, DNA = "polypeptide(L)", "polyribonucleotide", "polydeoxyribonucleotide"
POLYMERS = (PROTEIN, RNA, DNA, "polydeoxyribonucleotide/polyribonucleotide hybrid")

_COLUMNS = {  # of _atom_site
    "atom_names": "label_atom_id",
    "elements": "type_symbol",
    "residue_names": "label_comp_id",
    "residue_ids": "auth_seq_id",
    "chain_ids": "label_asym_id",
    "x": "Cartn_x",
    "y": "Cartn_y",
    "z": "Cartn_z",
    "b_factors": "B_iso_or_equiv",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ComplexStructure:
    """The heavy atoms of a complex, chain after chain and residue after residue."""

    atom_names: np.ndarray  # str
    elements: np.ndarray  # str, in capitals
    residue_names: np.ndarray  # str, CCD codes
    residue_ids: Int[np.ndarray, " atoms"]  # in the chain, from 1
    chain_ids: np.ndarray  # str
    chain_types: np.ndarray  # str, as in the mmCIF dictionary: polypeptide(L), non-polymer, ...
    positions: Float[np.ndarray, "atoms 3"]  # angstrom
    b_factors: Float[np.ndarray, " atoms"]  # pLDDT, 0 to 100

    def __len__(self) -> int:
        return len(self.atom_names)

    @property
    def is_polymer(self) -> Bool[np.ndarray, " atoms"]:
        """Whether each atom belongs to a protein, RNA or DNA."""
        return np.isin(self.chain_types, POLYMERS)

    @property
    def residue_starts(self) -> Int[np.ndarray, " residues"]:
        """The first atom of each residue."""
        return _starts(self.chain_ids, self.residue_ids)

    @property
    def chain_starts(self) -> Int[np.ndarray, " chains"]:
        """The first atom of each chain."""
        return _starts(self.chain_ids)

    def take(self, kept: np.ndarray) -> ComplexStructure:
        """These atoms alone."""
        return ComplexStructure(**{name: value[kept] for name, value in vars(self).items()})


def read_complex(path: str | Path) -> ComplexStructure:
    """The first model of an mmCIF file that AlphaFold 3 or Foldwright wrote, plain, .gz or .zst.

    Raises:
        InputError: the file is no mmCIF file or lacks atoms.
    """
    try:
        block = gemmi.cif.read_string(read_packed(path)).sole_block()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"this is no mmCIF file: {error}.", file=path, remedy="Was it written completely?") from error
    columns = _table(block, "_atom_site.", list(_COLUMNS.values()), path)
    values = {name: columns[tag] for name, tag in _COLUMNS.items()}
    positions = np.stack([values.pop(axis).astype(np.float32) for axis in "xyz"], axis=-1)
    values |= {"residue_ids": values["residue_ids"].astype(int), "b_factors": values["b_factors"].astype(np.float32)}
    types = _chain_types(block, path)
    return ComplexStructure(
        **values, positions=positions, chain_types=np.array([types.get(x, "") for x in values["chain_ids"]])
    )


def _chain_types(block: gemmi.cif.Block, path: str | Path) -> Mapping[str, str]:
    """What kind of molecule each chain is."""
    entities = _table(block, "_entity.", ["id", "type"], path)
    types = dict(zip(entities["id"], entities["type"], strict=True))
    polymers = block.find("_entity_poly.", ["entity_id", "type"])
    types |= {row.str(0): row.str(1) for row in polymers}
    chains = _table(block, "_struct_asym.", ["id", "entity_id"], path)
    return {chain: types.get(entity, "") for chain, entity in zip(chains["id"], chains["entity_id"], strict=True)}


def _table(block: gemmi.cif.Block, category: str, tags: list[str], path: str | Path) -> dict[str, Any]:
    table = block.find(category, tags)
    if not len(table):
        missing = f"{category}{{{','.join(tags)}}}"
        raise InputError(f"there is no {missing}.", file=path, remedy="Give a file that AlphaFold 3 wrote.")
    return {tag: np.array([gemmi.cif.as_string(x) for x in table.column(i)]) for i, tag in enumerate(tags)}


def _starts(*columns: np.ndarray) -> Int[np.ndarray, " starts"]:
    if not len(columns[0]):
        return np.empty(0, int)
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1])
