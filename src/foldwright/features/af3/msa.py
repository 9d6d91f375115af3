"""The alignment that AlphaFold 3 reads: rows of all chains side by side, paired ones first (AF3 SI 2.3, 2.8)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from foldwright.chem.residues import GAP, MSA_INDEX, UNKNOWN
from foldwright.errors import InputError
from foldwright.features.af3.batch import NUM_RESIDUE_TYPES
from foldwright.features.pairing import MAX_ROWS_OF_SPECIES, Pairs
from foldwright.io.a3m import parse_a3m

if TYPE_CHECKING:
    from foldwright.io.complexes.job import TemplateMapping

MAX_ROWS = 16_384  # AF3 SI 2.3
MAX_PAIRS = MAX_ROWS // 2  # the query among them, AF3 SI 2.3
SHORTEST = 5  # residues of a chain that has an alignment or templates; the released program

UNKNOWN_NUCLEOTIDE = NUM_RESIDUE_TYPES - 1  # 30
# UniProt: database|accession|name_SPECIES, with numbers that some databases append.
_ENTRY = re.compile(r"(?:tr|sp)\|[A-Za-z0-9]{6,10}(?:_\d)?\|[A-Za-z0-9]+_([A-Za-z0-9]{1,5})(?:_\d+)?")
_FIRST = {"rna": ("AGCU", 22), "dna": ("AGCT", 26)}  # letters and the type of the first, AF3 SI 2.8


@dataclass(frozen=True)
class ChainRows:
    """What is known of one chain beyond its atoms.

    kind       protein, rna, dna or ligand
    sequence   a letter for each residue, for a modified one its parent's; of a ligand any letters, one for each residue
    entity     the same number for chains of the same tokens
    unpaired   text of an A3M file; empty where there is none but the query
    paired     the same, of rows whose descriptions name a species of UniProt
    templates  structures of relatives, best first
    name       of the chain, for errors
    """

    kind: str
    sequence: str
    entity: int
    unpaired: str = ""
    paired: str = ""
    templates: tuple[TemplateMapping, ...] = ()
    name: str = ""


Columns = Int[np.ndarray, "n 2"]  # for every token the number of its chain and of its residue, both from 0


def msa_features(chains: Sequence[ChainRows], columns: Columns) -> dict[str, np.ndarray]:
    """The features of the alignment under the released program's names, without empty rows (AF3 SI Table 5).

    Raises:
        InputError: text that is no alignment, or one that does not begin with the chain's sequence.
    """
    own = [_read(chain, chain.unpaired) for chain in chains]
    paired = _paired(chains)
    statistics = {"profile": [rows.profile() for rows in own], "deletion_mean": [rows.deletion_mean() for rows in own]}
    if is_paired(chains):
        own = [rows.without(pairs) for rows, pairs in zip(own, paired, strict=True)]
    own = [rows.take(np.arange(min(len(rows), MAX_ROWS - len(paired[0])))) for rows in own]
    msa, deletions = _merged(own, paired)
    place = places_of(chains, columns)
    return {
        "msa": msa[:, place],
        "msa_mask": np.ones((len(msa), len(place)), bool),
        "deletion_matrix": deletions[:, place],
        **{name: np.concatenate(parts)[place] for name, parts in statistics.items()},
        "num_alignments": np.array(len(msa), np.int32),
    }


def is_paired(chains: Sequence[ChainRows]) -> bool:
    """Whether there are two proteins to be paired, of different sequence."""
    return len({chain.sequence for chain in chains if chain.kind == "protein"}) > 1


def pair_by_species(species: Sequence[Sequence[str]]) -> Pairs:
    """Which rows of the chains stand side by side, the queries first, -1 where a chain has none.

    The n-th rows of a species are paired; species of more chains come first, and within those rows that stand high in
    their alignments (AF3 SI 2.3). `species` has an empty name for rows that pair with nothing, as the query does.
    """
    found = [_rows_of_species(names) for names in species]
    num_chains = Counter(name for chain in found for name in chain if name)
    tiers = [np.zeros((1, len(species)), np.int64)]
    for count in sorted({n for n in num_chains.values() if n > 1}, reverse=True):
        blocks = [_side_by_side([chain.get(name) for chain in found]) for name, n in num_chains.items() if n == count]
        tier = np.concatenate(blocks)
        tiers.append(tier[_standing(tier).argsort(kind="stable")])
    return np.concatenate(tiers)[:MAX_PAIRS]


def _standing(pairs: Pairs) -> Float[np.ndarray, " pairs"]:
    """Product of the numbers of the rows: small for pairs that stand high in their alignments."""
    # DISCREPANCY(AF3 SI 2.3): the released program orders pairs of equal product as its processor happens to sort them;
    # here they stay in their order. Products beyond float32 are equal in both.
    with np.errstate(over="ignore"):
        return np.abs(pairs.astype(np.float32).prod(axis=1))


def _rows_of_species(names: Sequence[str]) -> dict[str, Int[np.ndarray, " k"]]:
    """The rows of every species, names in alphabetical order."""
    # DISCREPANCY(AF3 SI 2.3): rows of a species should stay in the order in which they were found; the released program
    # groups them by a sort that is not stable, and so does this.
    order = np.array(names, dtype=object).argsort()
    sorted_names = np.array(names)[order]
    species, starts = np.unique(sorted_names, return_index=True)
    return dict(zip(species.tolist(), np.split(order, starts[1:]), strict=True))


def _side_by_side(chains: Sequence[Int[np.ndarray, " _"] | None]) -> Pairs:
    """As many pairs as the chain with the fewest rows of this species has."""
    count = min(MAX_ROWS_OF_SPECIES, *(len(rows) for rows in chains if rows is not None))
    return np.stack([np.full(count, -1) if rows is None else rows[:count] for rows in chains], axis=1)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows over the residues of one chain."""

    types: Int[np.ndarray, "s n"]  # 0-30
    deletions: Int[np.ndarray, "s n"]  # residues cut out to the left of each column
    species: list[str]

    def __len__(self) -> int:
        return len(self.types)

    def take(self, rows: Int[np.ndarray, " k"]) -> _Rows:
        """These rows; gaps in the place of -1."""
        types = np.pad(self.types, ((0, 1), (0, 0)), constant_values=GAP)
        deletions = np.pad(self.deletions, ((0, 1), (0, 0)))
        return _Rows(types[rows], deletions[rows], [[*self.species, ""][i] for i in rows])

    def without(self, others: _Rows) -> _Rows:
        """Less the rows that are among those."""
        seen = {row.tobytes() for row in others.types}
        return self.take(np.array([i for i, row in enumerate(self.types) if row.tobytes() not in seen], np.int64))

    def profile(self) -> Float[np.ndarray, "n 31"]:
        """How often each type stands in each column."""
        counts = np.stack([np.bincount(column, minlength=NUM_RESIDUE_TYPES) for column in self.types.T])
        return (counts / len(self)).astype(np.float32)

    def deletion_mean(self) -> Float[np.ndarray, " n"]:
        """How many residues are cut out before each column."""
        return self.deletions.mean(axis=0)


def _read(chain: ChainRows, text: str) -> _Rows:
    """The rows of this text, or the query alone; a ligand has gaps."""
    if chain.kind == "ligand":
        return _of_query(np.full(len(chain.sequence), GAP, np.int8))
    code = _code(chain.kind)
    query = code[np.frombuffer(chain.sequence.encode("ascii"), np.uint8)]
    if not text.strip() or chain.kind == "dna" or len(chain.sequence) < SHORTEST:
        return _of_query(query)
    alignment = parse_a3m(text.splitlines(), f"alignment of chain {chain.name}")
    rows = code[alignment.letters]
    if not np.array_equal(rows[0], query):
        message = f"the alignment of chain {chain.name} begins with {alignment.query}, which is not {chain.sequence}."
        raise InputError(message, field="unpairedMsa / pairedMsa", remedy="The first row is the sequence of the chain.")
    return _Rows(rows, alignment.deletions, [mnemonic_of(text) for text in alignment.descriptions])


def mnemonic_of(description: str) -> str:
    """UniProt's mnemonic of the species where the row is an entry of UniProt; else empty."""
    name = next(iter(description.split()), "").partition("/")[0]  # jackhmmer appends the range of the hit
    entry = _ENTRY.fullmatch(name)
    return entry[1] if entry else ""


def _of_query(types: Int[np.ndarray, " n"]) -> _Rows:
    return _Rows(types[None], np.zeros((1, len(types)), np.int32), [""])


def _code(kind: str) -> Int[np.ndarray, " 256"]:
    """The type that each letter of an alignment stands for (AF3 SI 2.8)."""
    if kind == "protein":
        return _table(UNKNOWN, MSA_INDEX)
    letters, first = _FIRST[kind]
    return _table(UNKNOWN_NUCLEOTIDE, {"-": GAP, **{letter: first + i for i, letter in enumerate(letters)}})


def _table(default: int, types: Mapping[str, int]) -> Int[np.ndarray, " 256"]:
    table = np.full(256, default, np.int8)
    table[[ord(letter) for letter in types]] = list(types.values())
    return table


def _paired(chains: Sequence[ChainRows]) -> list[_Rows]:
    """Rows of equal number that belong together: at least the queries, unless all of them are ligands."""
    if not is_paired(chains):
        paired = [_read(chain, "") for chain in chains]
    else:
        candidates = [_read(chain, chain.paired if chain.kind == "protein" else "") for chain in chains]
        pairs = pair_by_species([rows.species for rows in candidates])
        paired = [rows.take(pairs[:, i]) for i, rows in enumerate(candidates)]
    is_filled = np.any([(rows.types != GAP).any(axis=1) for rows in paired], axis=0)
    return [rows.take(np.flatnonzero(is_filled)) for rows in paired]


def _merged(own: Sequence[_Rows], paired: Sequence[_Rows]) -> tuple[Int[np.ndarray, "s n"], Int[np.ndarray, "s n"]]:
    """Types and deletions of the paired rows over the own rows, each chain's beside the next one's."""
    depth = max(len(rows) for rows in own)
    filled = [rows.take(np.pad(np.arange(len(rows)), (0, depth - len(rows)), constant_values=-1)) for rows in own]
    types = np.block([[rows.types for rows in paired], [rows.types for rows in filled]])
    deletions = np.block([[rows.deletions for rows in paired], [rows.deletions for rows in filled]])
    return types, deletions.clip(max=np.iinfo(np.int8).max).astype(np.int8)


def places_of(chains: Sequence[ChainRows], columns: Columns) -> Int[np.ndarray, " n"]:
    """Where the column of every token stands among those of all chains."""
    starts = np.cumsum([0, *(len(chain.sequence) for chain in chains)])
    return starts[columns[:, 0]] + columns[:, 1]
