"""Alignments of several chains brought side by side: rows of one species in one row, the others on a diagonal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from foldwright.chem.residues import GAP
from foldwright.features.msa import MSA

MAX_ROWS = 2048  # rows of a chain, paired and unpaired, AF-Multimer Suppl. 7.3 and the released pipeline
MAX_ROWS_OF_SPECIES = 600  # a species with more of them pairs nothing; the released pipeline

# UniProt: database|accession|name_SPECIES, as UniProt and jackhmmer write it.
_UNIPROT = re.compile(r"(?:tr|sp)\|[A-Z0-9]{6,10}(?:_\d+)?\|[A-Z0-9]{1,10}(?:_\d+)?_(?P<species>[A-Z0-9]{1,5})")


def species_of(description: str) -> str:
    """The UniProt species mnemonic of a row, empty if its description has none."""
    name = description.split(maxsplit=1)[0].partition("/")[0] if description.strip() else ""
    found = _UNIPROT.fullmatch(name)
    return found["species"] if found else ""


@dataclass(frozen=True)
class Chains:
    """Chains numbered from 1: each its own, equal sequences one entity, copies counted (AF-Multimer Suppl. 7.1)."""

    asym: tuple[int, ...]
    entity: tuple[int, ...]
    sym: tuple[int, ...]

    @classmethod
    def of_sequences(cls, sequences: Sequence[str]) -> Chains:
        """Entities in the order in which their sequences first occur."""
        numbers = {sequence: i for i, sequence in enumerate(dict.fromkeys(sequences), start=1)}
        copies = [sequences[: i + 1].count(sequence) for i, sequence in enumerate(sequences)]
        return cls(tuple(range(1, len(sequences) + 1)), tuple(numbers[s] for s in sequences), tuple(copies))

    @property
    def by_entity(self) -> list[int]:
        """Positions of the chains with copies beside each other."""
        return sorted(range(len(self.asym)), key=lambda i: (self.entity[i], self.sym[i]))


def pair_by_species(
    rows: Sequence[Int[np.ndarray, "_ _"]], species: Sequence[list[str]]
) -> Int[np.ndarray, "pairs chains"]:
    """Which rows of the chains stand side by side; -1 where a chain has none.

    Within a species the rows are ranked by identity to the query and the n-th of each chain are paired; the query
    pairs with the query, rows that cover more chains come first (AF-Multimer Suppl. 7.2 "MSA construction").
    """
    ranked = [_rows_of_species(r, names) for r, names in zip(rows, species, strict=True)]
    pairs = [(0,) * len(rows)]
    for name in sorted(set().union(*ranked)):
        pairs += _pairs_of_species([chain.get(name) for chain in ranked])
    # A partial pair ranks below every fuller one; within equals the product of the row numbers orders.
    return np.array(sorted(pairs, key=lambda pair: (sum(row < 0 for row in pair), abs(math.prod(pair)))))


def _rows_of_species(rows: Int[np.ndarray, "s n"], species: list[str]) -> dict[str, list[int]]:
    """The rows of every species, most similar to the query first; the query itself pairs with queries only."""
    identity = (rows == rows[0]).mean(1)
    found: dict[str, list[int]] = {}
    for row in np.argsort(-identity, kind="stable").tolist():
        if row > 0 and species[row]:
            found.setdefault(species[row], []).append(row)
    return found


def _pairs_of_species(chains: Sequence[list[int] | None]) -> Iterable[tuple[int, ...]]:
    present = [rows for rows in chains if rows]
    if len(present) < 2 or max(map(len, present)) > MAX_ROWS_OF_SPECIES:
        return []
    count = min(map(len, present))
    return zip(*(rows[:count] if rows else [-1] * count for rows in chains), strict=True)


def take_rows(msa: MSA, rows: Int[np.ndarray, " k"]) -> MSA:
    """These rows of an alignment, nothing but gaps where the number is -1."""
    nothing = msa.map(lambda x: torch.zeros_like(x[:1]))
    nothing.rows.fill_(GAP)
    nothing.mask.fill_(1)
    nothing.bert_mask.fill_(1)
    extended = _join([msa, nothing], dim=0)
    return extended.select(torch.from_numpy(np.where(rows < 0, len(msa), rows)))


def without_paired(own: MSA, paired: MSA) -> MSA:
    """Its own rows less those that already stand among the paired ones."""
    seen = {row.tobytes() for row in paired.rows.numpy()}
    is_new = [row.tobytes() not in seen for row in own.rows.numpy()]
    return own.select(torch.tensor(is_new, dtype=torch.bool).nonzero()[:, 0])


def crop(own: MSA, paired: MSA | None, max_rows: int = MAX_ROWS) -> tuple[MSA, MSA | None]:
    """At most half of `max_rows` paired, then as many of the chain's own as keep its depth within `max_rows`."""
    if paired is None:
        return own.select(torch.arange(min(len(own), max_rows))), None
    paired = paired.select(torch.arange(min(len(paired), max_rows // 2)))
    num_pairs = int((paired.rows != GAP).any(1).sum())
    return own.select(torch.arange(min(len(own), max_rows - num_pairs))), paired


def merge(own: Sequence[MSA], paired: Sequence[MSA] | None, chains: Chains) -> MSA:
    """One alignment over all chains, copies side by side: paired rows first, then a block for each entity.

    Columns are those of the chains in the order of `chains.by_entity`. Only cells that belong to a block count in the
    masked-MSA loss (AF-Multimer Suppl. 7.2).
    """
    order = chains.by_entity
    entities = sorted(set(chains.entity))
    blocks = [_join([own[i] for i in order if chains.entity[i] == entity], dim=1) for entity in entities]
    merged = _block_diagonal(blocks)
    if paired is not None:
        merged = _join([_join([paired[i] for i in order], dim=1), merged], dim=0)
    is_centre = torch.zeros(len(merged))
    is_centre[0] = 1
    return MSA(**{**merged.flat(), "is_centre": is_centre})


def _join(parts: Sequence[MSA], dim: int) -> MSA:
    """Rows below each other (0) or columns beside each other (1)."""
    tensors = [part.flat() for part in parts]
    joined = {name: torch.cat([t[name] for t in tensors], dim) for name in ("rows", "deletions", "mask", "bert_mask")}
    return MSA(is_centre=torch.zeros(len(joined["rows"])), **joined)


def _block_diagonal(blocks: Sequence[MSA]) -> MSA:
    rows = _diagonal([block.rows for block in blocks], fill=GAP)
    return MSA(
        rows=rows,
        deletions=_diagonal([block.deletions for block in blocks], fill=0),
        mask=_diagonal([block.mask for block in blocks], fill=1),
        bert_mask=_diagonal([block.bert_mask for block in blocks], fill=0),
        is_centre=torch.zeros(len(rows)),
    )


def _diagonal(blocks: Sequence[Tensor], fill: int) -> Tensor:
    out = blocks[0].new_full((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)), fill)
    row = column = 0
    for block in blocks:
        out[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return out
