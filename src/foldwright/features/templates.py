"""Structures of relatives, laid over the columns of the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import gemmi
import numpy as np
import torch

from foldwright.chem.residues import GAP, ONE_TO_THREE
from foldwright.errors import InputError
from foldwright.features.batch import Templates
from foldwright.io.hhr import TemplateHit
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure

MIN_BLOCK = 4  # shorter runs of aligned residues between gaps are there by chance
MIN_IDENTITY_OF_HIT = 0.9  # of a hit's sequence with the chain it names; the released pipeline's bound
CHANCE_IDENTITY = 0.2  # of the aligned residues of unrelated chains


class Match(NamedTuple):
    """Which residue of a chain stands at which column of the query, both from 0."""

    mapping: dict[int, int]
    num_identical: int

    @property
    def is_by_chance(self) -> bool:
        """Whether unrelated chains agree as often: two residues and two standard deviations above their mean."""
        mean = len(self.mapping) * CHANCE_IDENTITY
        return self.num_identical <= mean + 2 + 2 * (mean * (1 - CHANCE_IDENTITY)) ** 0.5


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


def align(query: str, sequence: str) -> Match:
    """The global alignment of two sequences (BLOSUM62, gap 10 + 1), without short runs between gaps."""
    names, others = ([ONE_TO_THREE.get(letter, "UNK") for letter in text] for text in (query, sequence))
    result = gemmi.align_string_sequences(names, others, [], gemmi.AlignmentScoring("b"))
    rows = np.array([list(result.add_gaps(text, which)) for which, text in enumerate((query, sequence), 1)])
    is_paired = (rows != "-").all(0)
    place = np.cumsum(rows != "-", axis=1) - 1
    edges = np.flatnonzero(np.diff(np.pad(is_paired.astype(int), 1)))
    kept = [i for a, b in edges.reshape(-1, 2) if b - a >= MIN_BLOCK for i in range(a, b)]
    mapping = {int(place[0, i]): int(place[1, i]) for i in kept}
    return Match(mapping, int((rows[0, kept] == rows[1, kept]).sum()))


def nearest_chain(query: str, structure: Structure) -> tuple[Structure, Match]:
    """The chain that has most residues of the query."""
    chains = [structure.chain(name) for name in structure.chain_ids]
    matches = [align(query, chain.sequence) for chain in chains]
    best = max(range(len(chains)), key=lambda i: matches[i].num_identical)
    return chains[best], matches[best]


def templates_of_file(queries: Sequence[str], path: str | Path) -> list[Templates | None]:
    """What a structure file offers each chain of a job: its nearest chain as a template, or nothing.

    Raises:
        InputError: the file cannot be read, or resembles no chain more than unrelated proteins do.
    """
    structure = read_structure(path)
    nearest = {query: nearest_chain(query, structure) for query in dict.fromkeys(queries)}
    if all(match.is_by_chance for _, match in nearest.values()):
        chain, match = max(nearest.values(), key=lambda found: found[1].num_identical)
        raise InputError(
            f"no chain resembles the sequence: chain {chain.chain_ids[0]} is nearest with {match.num_identical} equal "
            f"residues among {len(match.mapping)} aligned ones.",
            file=path,
            remedy="Unrelated chains agree as much. Give the structure of a relative.",
        )
    return [_unless_by_chance(*nearest[query], len(query)) for query in queries]


def _unless_by_chance(chain: Structure, match: Match, num_residues: int) -> Templates | None:
    return None if match.is_by_chance else template_of_chain(chain, match.mapping, num_residues)


def template_of_hit(hit: TemplateHit, structure: Structure, num_residues: int) -> Templates:
    """One template from a search hit and the structure that it names (AF2 Suppl. 1.2.3).

    Where the structure's sequence is not the one that was searched, the hit is first aligned to the chain it names.

    Raises:
        InputError: the chain is missing, or its sequence is another than the hit's.
    """
    if hit.chain_id not in structure.chain_ids:
        message = f"there is no protein chain {hit.chain_id}, which the hit {hit.name.split()[0]} names."
        raise InputError(message, file=structure.name, remedy=f"Its chains are {', '.join(structure.chain_ids)}.")
    chain = structure.chain(hit.chain_id)
    aligned = [i for i in hit.indices_hit if i >= 0]
    start, letters = min(aligned), hit.hit_sequence.replace("-", "").upper()
    place = _places(letters, chain.sequence, hit)
    pairs = zip(hit.indices_query, hit.indices_hit, strict=True)
    mapping = {q: place[h - start] for q, h in pairs if q >= 0 and h >= 0 and h - start in place}
    return template_of_chain(chain, mapping, num_residues)


def _places(letters: str, sequence: str, hit: TemplateHit) -> dict[int, int]:
    """Where each letter of a hit stands in the chain."""
    exact = sequence.find(letters)
    if exact >= 0:
        return {i: exact + i for i in range(len(letters))}
    match = align(letters, sequence)
    if match.num_identical < MIN_IDENTITY_OF_HIT * min(len(letters), len(sequence)):
        message = (
            f"{match.num_identical} of {len(letters)} residues of hit {hit.name.split()[0]} are those of its chain."
        )
        raise InputError(message, remedy="The structure is not the one that was searched; is the file of this name?")
    return match.mapping


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
