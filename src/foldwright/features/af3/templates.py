"""Structures of relatives as AlphaFold 3 reads them: 24 atoms for each token, in four slots (AF3 SI 2.4, 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.chem.atoms import ATOM14_TO_ATOM37
from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.af3.batch import ATOMS_PER_TOKEN
from foldwright.features.af3.msa import SHORTEST, ChainRows, Columns, places_of
from foldwright.io.mmcif import parse_mmcif

if TYPE_CHECKING:
    from foldwright.io.complexes.job import TemplateMapping
    from foldwright.io.structure import Structure

MAX_TEMPLATES = 4  # AF3 SI 2.4

# DISCREPANCY(AF3 SI 2.8): a slot that the residue has no atom for should be empty; in the released features it repeats
# the first atom, N, mask included, and so do all slots of a residue of unknown type.
_SLOTS = np.pad(ATOM14_TO_ATOM37, ((0, GAP + 1 - len(ATOM14_TO_ATOM37)), (0, ATOMS_PER_TOKEN - 14)))


def template_features(
    chains: Sequence[ChainRows], columns: Columns, num_slots: int = MAX_TEMPLATES
) -> dict[str, np.ndarray]:
    """The features of the templates under the released program's names (AF3 SI Table 5).

    Raises:
        InputError: a structure that cannot be read, has more than one protein chain, or is shorter than its map says.
    """
    num_tokens = np.bincount(columns[:, 0], minlength=len(chains))
    known: dict[tuple[int, bool], _Templates] = {}
    parts = []
    for chain, size in zip(chains, num_tokens, strict=True):
        is_read = chain.kind == "protein" and bool(size >= SHORTEST)
        # The first chain of an entity lends its templates to all others, in the released program as here.
        key = (chain.entity, is_read)
        if key not in known:
            known[key] = _of_chain(chain, chain.templates[:num_slots] if is_read else (), num_slots)
        parts.append(known[key])
    place = places_of(chains, columns)
    return {
        "template_aatype": np.concatenate([part.aatype for part in parts], axis=1)[:, place],
        "template_atom_positions": np.concatenate([part.positions for part in parts], axis=1)[:, place],
        "template_atom_mask": np.concatenate([part.mask for part in parts], axis=1)[:, place],
    }


@dataclass(frozen=True, eq=False)
class _Templates:
    """Slots over the residues of one chain."""

    aatype: Int[np.ndarray, "t n"]
    positions: Float[np.ndarray, "t n 24 3"]
    mask: Bool[np.ndarray, "t n 24"]


def _of_chain(chain: ChainRows, templates: Sequence[TemplateMapping], num_slots: int) -> _Templates:
    length = len(chain.sequence)
    slots = _Templates(
        np.zeros((num_slots, length), np.int32),
        np.zeros((num_slots, length, ATOMS_PER_TOKEN, 3), np.float32),
        np.zeros((num_slots, length, ATOMS_PER_TOKEN), bool),
    )
    for number, template in enumerate(templates):
        _fill(slots, number, template, f"template {number + 1} of chain {chain.name}")
    return slots


def _fill(slots: _Templates, number: int, template: TemplateMapping, name: str) -> None:
    """Lay one structure over the query; columns without a partner are gaps."""
    structure = one_chain(template.mmcif, name)
    query, theirs = np.array(template.query_indices, np.int64), np.array(template.template_indices, np.int64)
    _check_indices(query, theirs, slots.aatype.shape[1], len(structure), name)
    slots.aatype[number] = GAP
    if not len(query):
        return
    aatype = structure.aatype[theirs]
    atoms = _SLOTS[aatype]
    mask = np.take_along_axis(structure.mask[theirs], atoms, axis=1) > 0
    positions = np.take_along_axis(structure.positions[theirs], atoms[..., None], axis=1)
    slots.aatype[number, query] = aatype
    slots.positions[number, query] = positions * mask[..., None]
    slots.mask[number, query] = mask


def one_chain(text: str, name: str) -> Structure:
    """The protein chain of this mmCIF text.

    Raises:
        InputError: it has several, or is no mmCIF text.
    """
    structure = parse_mmcif(text, name)
    if len(structure.chain_ids) > 1:
        message = f"the structure has the protein chains {', '.join(structure.chain_ids)}."
        raise InputError(message, file=name, field="mmcif", remedy="Keep the one that is the template.")
    return structure


def _check_indices(
    query: Int[np.ndarray, " _"], theirs: Int[np.ndarray, " _"], length: int, their_length: int, name: str
) -> None:
    if len(query) != len(theirs):
        message = f"queryIndices has {len(query)} numbers, templateIndices has {len(theirs)}."
        raise InputError(message, file=name, field="templateIndices", remedy="The n-th of the two belong together.")
    for indices, whose, size in ((query, "query", length), (theirs, "template", their_length)):
        beyond = indices[(indices < 0) | (indices >= size)]
        if len(beyond):
            message = f"residue {beyond[0]} is not among the {size} of the {whose}."
            remedy = "Count from 0, residues that were not seen included."
            raise InputError(message, file=name, field=f"{whose}Indices", remedy=remedy)
