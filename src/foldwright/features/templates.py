"""Structures of relatives, laid over the columns of the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.batch import Templates
from foldwright.io.job import TemplateInput
from foldwright.io.pairwise import Match, align
from foldwright.io.structure import Structure


def template_of_chain(chain: Structure, mapping: Mapping[int, int], num_residues: int) -> Templates:
    """One template from a chain (missing residues included) and its residue for each column of the query.

    AF2 Suppl. 1.2.3, Table 1 `template_*`. Columns without a partner are gaps.

    Raises:
        InputError: none of the aligned residues has coordinates.
    """
    columns = torch.tensor(list(mapping.keys()), dtype=torch.int64)
    places = np.array(list(mapping.values()), dtype=np.int64)
    aatype = torch.full((1, num_residues), GAP)
    positions, atom_mask = torch.zeros(1, num_residues, 37, 3), torch.zeros(1, num_residues, 37)
    aatype[0, columns] = torch.from_numpy(chain.aatype[places].astype(np.int64))
    positions[0, columns] = torch.from_numpy(chain.positions[places]).float()
    atom_mask[0, columns] = torch.from_numpy(chain.mask[places]).float()
    if not atom_mask.any():
        message = f"none of the {len(places)} aligned residues of chain {chain.chain_ids[0]} has coordinates."
        raise InputError(message, file=chain.name or None, remedy="Choose another template.")
    return Templates(aatype=aatype, positions=positions * atom_mask[..., None], atom_mask=atom_mask, mask=torch.ones(1))


def nearest_chain(query: str, structure: Structure) -> tuple[Structure, Match]:
    """The chain that has most residues of the query."""
    chains = [structure.chain(name) for name in structure.chain_ids]
    matches = [align(query, chain.sequence) for chain in chains]
    best = max(range(len(chains)), key=lambda i: matches[i].num_identical)
    return chains[best], matches[best]


def chosen_chain(query: str, structure: Structure, given: TemplateInput) -> tuple[Structure, Match]:
    """The chain that a person or a search named, or else the nearest; and what of it lies over the query.

    Raises:
        InputError: there is no such chain, or the given map leads out of the query or the chain.
    """
    if given.mapping is None and given.chain is None:
        return nearest_chain(query, structure)
    chain = _named_chain(structure, given)
    if given.mapping is None:
        return chain, align(query, chain.sequence)
    mapping = dict(given.mapping)
    for place, residues, whose in ((max(mapping), query, "sequence"), (max(mapping.values()), chain.sequence, "chain")):
        if place >= len(residues):
            message = f"residue {place} (counted from 0) of the map is beyond the {len(residues)} of the {whose}."
            remedy = "Count from 0, in the whole sequence, residues that were not seen included."
            raise InputError(message, file=given.file, remedy=remedy)
    return chain, Match(mapping, sum(query[q] == chain.sequence[c] for q, c in mapping.items()))


def _named_chain(structure: Structure, given: TemplateInput) -> Structure:
    names = structure.chain_ids
    if given.chain is None and len(names) > 1:
        message = f"the map does not say of which chain it speaks: there are {', '.join(names)}."
        raise InputError(message, file=given.file, remedy="Name the chain.")
    if given.chain is not None and given.chain not in names:
        message = f"there is no protein chain {given.chain}."
        raise InputError(message, file=given.file, remedy=f"Its chains are {', '.join(names)}.")
    return structure if given.chain is None else structure.chain(given.chain)


def templates_given(queries: Sequence[str], given: TemplateInput, structure: Structure) -> list[Templates | None]:
    """What one template offers each of these chains of a job: itself over their columns, or nothing.

    A chain that was aligned here must resemble the query; a given map is taken as it is.

    Raises:
        InputError: it resembles no chain more than unrelated proteins do, or the map fits neither.
    """
    chosen = {query: chosen_chain(query, structure, given) for query in dict.fromkeys(queries)}
    is_trusted = given.mapping is not None
    if not is_trusted and all(match.is_by_chance for _, match in chosen.values()):
        chain, match = max(chosen.values(), key=lambda found: found[1].num_identical)
        raise InputError(
            f"no chain resembles the sequence: chain {chain.chain_ids[0]} is nearest with {match.num_identical} equal "
            f"residues among {len(match.mapping)} aligned ones.",
            file=given.file,
            remedy="Unrelated chains agree as much. Give the structure of a relative.",
        )
    return [
        template_of_chain(chain, match.mapping, len(query)) if is_trusted or not match.is_by_chance else None
        for query, (chain, match) in ((query, chosen[query]) for query in queries)
    ]


def stack(slots: Sequence[Templates]) -> Templates | None:
    """Templates of one query one after the other; None if there are none."""
    if not slots:
        return None
    tensors = [slot.flat() for slot in slots]
    return Templates(**{name: torch.cat([t[name] for t in tensors]) for name in tensors[0]})


def first_slots(templates: Templates, num_slots: int, *, fill: bool) -> Templates:
    """At most so many templates; if `fill`, exactly so many, the last ones empty."""
    templates = templates.map(lambda x: x[:num_slots])
    return _with_empty_slots(templates, num_slots, absent=0) if fill else templates


def side_by_side(chains: Sequence[Templates | None], lengths: Sequence[int], *, absent: int) -> Templates | None:
    """The templates of each chain over its own columns of a complex; `absent` is the residue type where it has none."""
    if not any(chains):
        return None
    num_slots = max(len(chain.mask) for chain in chains if chain)
    padded = [
        _with_empty_slots(chain or _no_slots(length), num_slots, absent)
        for chain, length in zip(chains, lengths, strict=True)
    ]
    return Templates(
        aatype=torch.cat([t.aatype for t in padded], 1),
        positions=torch.cat([t.positions for t in padded], 1),
        atom_mask=torch.cat([t.atom_mask for t in padded], 1),
        mask=torch.stack([t.mask for t in padded]).amax(0),
    )


def _no_slots(length: int) -> Templates:
    return Templates(
        aatype=torch.zeros(0, length, dtype=torch.int64),
        positions=torch.zeros(0, length, 37, 3),
        atom_mask=torch.zeros(0, length, 37),
        mask=torch.zeros(0),
    )


def _with_empty_slots(templates: Templates, num_slots: int, absent: int) -> Templates:
    missing = num_slots - len(templates.mask)

    def filled(x: torch.Tensor, value: int = 0) -> torch.Tensor:
        return torch.cat([x, x.new_full((missing, *x.shape[1:]), value)])

    return Templates(
        aatype=filled(templates.aatype, absent),
        positions=filled(templates.positions),
        atom_mask=filled(templates.atom_mask),
        mask=filled(templates.mask),
    )
