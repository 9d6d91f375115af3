"""Alignments of several chains brought side by side: rows of one species in one row, the others on a diagonal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from foldwright.chem.residues import GAP
from foldwright.features.msa import MSA
from foldwright.features.species import by_mnemonic, by_taxon
from foldwright.io.alignment import Alignment

MAX_ROWS = 2048  # rows of a chain, paired and unpaired, AF-Multimer Suppl. 7.3 and the released pipeline
MAX_ROWS_OF_SPECIES = 600  # a species with more of them pairs nothing; the released pipeline

MAX_PAIRS = 8192  # rows of a paired alignment, the query among them, AF3 SI 2.3
MIN_COVERAGE = 0.5  # of the query by a row that is paired as its taxon's best, ColabFold (Mirdita et al. 2022), Methods

Pairs = Int[np.ndarray, "pairs chains"]  # numbers of rows, the query 0, and -1 where a chain has no partner
NO_PARTNER = "no_partner"  # description of the gaps that stand for a missing row
_GAP_LETTER = ord("-")
Strategy = Callable[[Sequence[Alignment]], Pairs]


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


def paired_rows(candidates: Sequence[Alignment], strategy: str) -> list[Alignment]:
    """The candidates of the chains brought side by side: row n of every result belongs together, the queries first.

    A chain that has no partner in a row has gaps there. Copies of one chain alone are not paired: their rows already
    stand side by side. `strategy` is one of `STRATEGIES`.
    """
    if len({rows.query for rows in candidates}) == 1:
        return [rows.rows([0]) for rows in candidates]
    pairs = STRATEGIES[strategy](candidates)
    return [_with_gaps(rows, pairs[:, i]) for i, rows in enumerate(candidates)]


def pair_as_multimer(candidates: Sequence[Alignment]) -> Pairs:
    """Rows of a species by rank of their identity to the query, repeated rows left out (AF-Multimer Suppl. 7.2)."""
    first = [_first_of_equals(rows) for rows in candidates]
    kept = [rows.rows(numbers) for rows, numbers in zip(candidates, first, strict=True)]
    pairs = pair_by_species(
        [MSA.from_alignment(rows).rows.numpy() for rows in kept], by_mnemonic([rows.descriptions for rows in kept])
    )
    return np.stack([np.where(p < 0, -1, numbers[p]) for p, numbers in zip(pairs.T, first, strict=True)], axis=1)


def pair_as_af3(candidates: Sequence[Alignment]) -> Pairs:
    """Rows of a species in the order in which they were found, fuller pairs first (AF3 SI 2.3)."""
    species = by_mnemonic([rows.descriptions for rows in candidates])
    found = [_in_order(names, MAX_ROWS_OF_SPECIES) for names in species]
    return _ordered(_pairs_of(found, least=2))[:MAX_PAIRS]


def pair_greedily(candidates: Sequence[Alignment]) -> Pairs:
    """The best row of each taxon that two or more of the distinct chains have (ColabFold, `greedy`)."""
    return _pair_best(candidates, least=2)


def pair_completely(candidates: Sequence[Alignment]) -> Pairs:
    """The best row of each taxon that all of the distinct chains have (ColabFold, `complete`)."""
    return _pair_best(candidates, least=len({rows.query for rows in candidates}))


STRATEGIES: dict[str, Strategy] = {
    "af2": pair_as_multimer,
    "af3": pair_as_af3,
    "greedy": pair_greedily,
    "complete": pair_completely,
}


def pairing_record(paired: Sequence[Alignment]) -> dict[str, int]:
    """How many rows below the queries stand side by side, and how many of them have all chains."""
    covers = np.stack([(rows.letters[1:] != _GAP_LETTER).any(axis=1) for rows in paired])
    return {"rows": covers.shape[1], "rows_of_all_chains": int(covers.all(axis=0).sum())}


def _pair_best(candidates: Sequence[Alignment], least: int) -> Pairs:
    """Mirdita et al. (2022) Nat. Methods 19, 679, Methods "MSA pairing"; rows come in the order of their E-values.

    DISCREPANCY(ColabFold): MMseqs2 orders pairs by the number of the taxon, here fuller and better ones come first. The
    released script asks for half of the hit, whose length an alignment does not tell; half of the query is the paper's.
    """
    distinct = list({rows.query: rows for rows in candidates}.values())
    taxa = by_taxon([rows.descriptions for rows in distinct])
    found = [_in_order(_of_covering(rows, names), limit=1) for rows, names in zip(distinct, taxa, strict=True)]
    pairs = _ordered(_pairs_of(found, least))
    return pairs[:, [[d.query for d in distinct].index(rows.query) for rows in candidates]]


def _of_covering(alignment: Alignment, taxa: Sequence[str]) -> list[str]:
    """The taxa of rows that cover enough of the query, nothing in the place of the others."""
    coverage = (alignment.letters != _GAP_LETTER).mean(axis=1)
    return [taxon if share >= MIN_COVERAGE else "" for taxon, share in zip(taxa, coverage, strict=True)]


def _in_order(species: Sequence[str], limit: int) -> dict[str, list[int]]:
    """The first rows of every species; the query pairs with queries only."""
    found: dict[str, list[int]] = {}
    for row, name in enumerate(species):
        if row > 0 and name and len(found.setdefault(name, [])) < limit:
            found[name].append(row)
    return found


def _pairs_of(found: Sequence[dict[str, list[int]]], least: int) -> list[tuple[int, ...]]:
    """The queries, then the n-th rows of every species that at least so many chains have."""
    pairs = [(0,) * len(found)]
    for name in sorted(set().union(*found)):
        chains = [chain.get(name) for chain in found]
        if sum(rows is not None for rows in chains) >= least:
            pairs += _side_by_side(chains)
    return pairs


def _side_by_side(chains: Sequence[list[int] | None]) -> Iterable[tuple[int, ...]]:
    count = min(len(rows) for rows in chains if rows)
    return zip(*(rows[:count] if rows else [-1] * count for rows in chains), strict=True)


def _ordered(pairs: Iterable[tuple[int, ...]]) -> Pairs:
    """A partial pair ranks below every fuller one; within equals the product of the row numbers orders."""
    return np.array(sorted(pairs, key=lambda pair: (sum(row < 0 for row in pair), abs(math.prod(pair)))))


def _first_of_equals(alignment: Alignment) -> Int[np.ndarray, " k"]:
    """The rows that repeat none before them."""
    first = {row: i for i, row in reversed(list(enumerate(alignment.sequences)))}
    return np.array([i for i, row in enumerate(alignment.sequences) if first[row] == i])


def _with_gaps(alignment: Alignment, rows: Int[np.ndarray, " k"]) -> Alignment:
    """These rows, gaps in the place of -1."""
    nothing = Alignment(["-" * len(alignment.query)], np.zeros_like(alignment.deletions[:1]), [NO_PARTNER])
    return Alignment.concatenate([alignment, nothing]).rows(np.where(rows < 0, len(alignment), rows))


def pair_by_species(
    rows: Sequence[Int[np.ndarray, "_ _"]], species: Sequence[list[str]]
) -> Int[np.ndarray, "pairs chains"]:
    """Which rows of the chains stand side by side; -1 where a chain has none.

    Within a species the rows are ranked by identity to the query and the n-th of each chain are paired; the query
    pairs with the query, rows that cover more chains come first (AF-Multimer Suppl. 7.2 "MSA construction").
    """
    ranked = [_rows_of_species(r, names) for r, names in zip(rows, species, strict=True)]
    crowded = {name for chain in ranked for name, members in chain.items() if len(members) > MAX_ROWS_OF_SPECIES}
    ranked = [{name: members for name, members in chain.items() if name not in crowded} for chain in ranked]
    return _ordered(_pairs_of(ranked, least=2))


def _rows_of_species(rows: Int[np.ndarray, "s n"], species: list[str]) -> dict[str, list[int]]:
    """The rows of every species, most similar to the query first; the query itself pairs with queries only."""
    identity = (rows == rows[0]).mean(1)
    found: dict[str, list[int]] = {}
    for row in np.argsort(-identity, kind="stable").tolist():
        if row > 0 and species[row]:
            found.setdefault(species[row], []).append(row)
    return found


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
