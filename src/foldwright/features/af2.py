"""From chains to the batches that AlphaFold 2 reads, one for each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.chem.residues import GAP, UNKNOWN, sequence_to_aatype
from foldwright.errors import InputError
from foldwright.features import sampling
from foldwright.features.batch import AF2Batch, ExtraMSA, Residues, Templates, TensorGroup
from foldwright.features.msa import MSA, profile
from foldwright.features.pairing import (
    MAX_ROWS,
    Chains,
    crop,
    merge,
    paired_rows,
    without_paired,
)
from foldwright.features.templates import first_slots, side_by_side
from foldwright.io.alignment import Alignment

CHAIN_GAP = 200  # added to the residue index between chains, beyond the reach of relpos; as ColabFold does


@dataclass(frozen=True, eq=False)
class ChainFeatures:
    """What is known of one chain.

    alignment   its own rows, the sequence first
    paired      rows whose n-th stands beside the n-th of the other chains, the sequence first
    candidates  rows whose descriptions name a species (UniProt), to be paired by it; else those of `alignment`
    templates   structures of relatives over the columns of the sequence
    """

    sequence: str
    alignment: Alignment
    paired: Alignment | None = None
    candidates: Alignment | None = None
    templates: Templates | None = None

    def __post_init__(self):
        for name in ("alignment", "paired", "candidates"):
            rows = getattr(self, name)
            if rows is not None and rows.query != self.sequence:
                raise InputError(
                    f"the first row of the {name} rows is not the sequence of the chain.",
                    field=name,
                    remedy="An alignment begins with the sequence that is to be folded.",
                )

    @classmethod
    def of_sequence(cls, sequence: str) -> ChainFeatures:
        """A chain of which nothing but its sequence is known."""
        return cls(sequence, Alignment.of_query(sequence))


@dataclass(frozen=True, kw_only=True)
class Example(TensorGroup):
    """All that is known of the input, before anything is drawn at random."""

    residues: Residues
    target_feat: Float[Tensor, "n c"]
    msa: MSA
    profile: Float[Tensor, "n 22"]
    templates: Templates | None


@runtime_checkable
class Sizes(Protocol):
    """How much of an example one pass reads: the `FeatureSizes` of a configuration."""

    @property
    def num_clusters(self) -> int: ...
    @property
    def num_extra(self) -> int: ...
    @property
    def num_templates(self) -> int: ...
    @property
    def masked_fraction(self) -> float: ...
    @property
    def is_query_repeated(self) -> bool: ...


@dataclass(frozen=True)
class Sampler:
    """Draws the batch of every pass; the same seed draws the same bytes, in whatever order passes are asked for."""

    example: Example
    sizes: Sizes
    is_multimer: bool
    seed: int

    def draw(self, cycle: int, member: int = 0) -> AF2Batch:
        """The batch of one recycling pass and ensemble member (AF2 Suppl. Alg. 2 "Inference", lines 1-4)."""
        example, sizes = self.example, self.sizes
        rng = np.random.default_rng([self.seed, cycle, member])
        draws = sampling.draw(example.msa, example.profile, sizes.num_clusters, sizes.masked_fraction, rng)
        read = sampling.read_multimer if self.is_multimer else sampling.read_monomer
        reading = read(example.msa, draws, sizes.num_extra)
        return AF2Batch(
            residues=example.residues,
            target_feat=example.target_feat,
            msa=reading.msa,
            extra_msa=self._extra(reading.extra_msa),
            templates=self._templates(),
            masked_msa=reading.masked_msa,
        )

    def _extra(self, rows: ExtraMSA) -> ExtraMSA:
        """The extra rows; if there is none, the query in their place where the network is trained so."""
        if not self.sizes.is_query_repeated or rows.mask.any():
            return rows
        return sampling.extra_features(self.example.msa.map(lambda x: x[:1]), 1)

    def _templates(self) -> Templates | None:
        if self.example.templates is None or self.sizes.num_templates == 0:
            return None
        # The multimer averages over all slots, empty ones included; the monomer sees only those that are filled.
        return first_slots(self.example.templates, self.sizes.num_templates, fill=self.is_multimer)


def monomer_example(chains: Sequence[ChainFeatures]) -> Example:
    """The input of a monomer network: one chain, or several that it is made to take for one with jumps.

    AF2 Suppl. 1.2.9, Table 1. Every chain of a complex has its own block of rows below those that cover all.
    """
    sequences = [chain.sequence for chain in chains]
    apart = Chains(*[tuple(range(1, len(chains) + 1))] * 2, sym=(1,) * len(chains))
    msa = _own_rows(chains[0]) if len(chains) == 1 else _merged(_not_pairing_copies(chains), apart, max_rows=None)
    residues = _residues(sequences, Chains.of_sequences(sequences))
    jumps = (residues.asym_id - 1) * CHAIN_GAP
    starts = np.cumsum([0, *map(len, sequences[:-1])])
    offset = torch.from_numpy(np.repeat(starts, [len(s) for s in sequences]))
    # The first channel, the border between domains, is zero in everything the networks were trained on.
    target_feat = F.pad(F.one_hot(residues.aatype, UNKNOWN + 1).float(), (1, 0))
    return Example(
        residues=replace(residues, residue_index=residues.residue_index + offset + jumps),
        target_feat=target_feat,
        msa=msa,
        profile=profile(msa),
        templates=side_by_side([c.templates for c in chains], [len(s) for s in sequences], absent=GAP),
    )


def multimer_example(chains: Sequence[ChainFeatures], max_rows: int = MAX_ROWS) -> Example:
    """The input of a multimer network; chains stay in the order given (AF-Multimer Suppl. 7.1, 7.2)."""
    sequences = [chain.sequence for chain in chains]
    numbers = Chains.of_sequences(sequences)
    msa = _merged(_sharing_rows(chains), numbers, max_rows)
    residues = _residues(sequences, numbers)
    return Example(
        residues=residues,
        target_feat=F.one_hot(residues.aatype, UNKNOWN + 1).float(),
        msa=msa,
        profile=profile(msa),
        templates=side_by_side([c.templates for c in chains], [len(s) for s in sequences], absent=0),
    )


def _residues(sequences: Sequence[str], chains: Chains) -> Residues:
    lengths = torch.tensor([len(sequence) for sequence in sequences])

    def spread(numbers: Sequence[int]) -> Int[Tensor, " n"]:
        return torch.tensor(numbers).repeat_interleave(lengths)

    aatype = torch.from_numpy(sequence_to_aatype("".join(sequences)))
    return Residues(
        aatype=aatype,
        residue_index=torch.cat([torch.arange(int(n)) for n in lengths]),
        asym_id=spread(chains.asym),
        entity_id=spread(chains.entity),
        sym_id=spread(chains.sym),
        mask=torch.ones(len(aatype)),
    )


def _own_rows(chain: ChainFeatures) -> MSA:
    return MSA.from_alignment(chain.alignment.unique())


def _not_pairing_copies(chains: Sequence[ChainFeatures]) -> list[ChainFeatures]:
    """Chains of which only the first copy is paired by species: a row beside itself would look like contacts."""
    first = {chain.sequence: i for i, chain in reversed(list(enumerate(chains)))}
    return [
        chain if first[chain.sequence] == i else replace(chain, candidates=Alignment.of_query(chain.sequence))
        for i, chain in enumerate(chains)
    ]


def _sharing_rows(chains: Sequence[ChainFeatures]) -> list[ChainFeatures]:
    """Copies of a chain with all rows that were found for any of them, since they stand side by side."""
    found: dict[str, list[Alignment]] = {}
    for chain in chains:
        found.setdefault(chain.sequence, []).append(chain.alignment)
    shared = {sequence: Alignment.concatenate(parts).unique() for sequence, parts in found.items()}
    return [replace(chain, alignment=shared[chain.sequence]) for chain in chains]


def _merged(chains: Sequence[ChainFeatures], numbers: Chains, max_rows: int | None) -> MSA:
    """One alignment over the columns of all chains, in their order."""
    own, paired = [_own_rows(chain) for chain in chains], None
    if len(set(numbers.entity)) > 1:
        paired = _paired_rows(chains)
        own = [without_paired(rows, pairs) for rows, pairs in zip(own, paired, strict=True)]
    if max_rows is not None:
        pairs = paired or [None] * len(own)
        own, cropped = zip(*(crop(*rows, max_rows) for rows in zip(own, pairs, strict=True)), strict=True)
        paired = paired and cropped
    return merge(own, paired, numbers).columns(_back_to_input_order(chains, numbers))


def _paired_rows(chains: Sequence[ChainFeatures]) -> list[MSA]:
    """Rows of equal number that stand side by side; at least the query, which every network reads first."""
    if any(chain.paired for chain in chains):
        given = [MSA.from_alignment(chain.paired) if chain.paired else None for chain in chains]
        counts = {len(rows) for rows in given if rows is not None}
        if any(rows is None for rows in given) or len(counts) > 1:
            raise InputError(
                f"the chains have {sorted(len(rows) if rows else 0 for rows in given)} paired rows.",
                field="paired",
                remedy="The n-th paired rows of all chains belong together, so each chain needs as many.",
            )
        return [rows for rows in given if rows is not None]
    candidates = [chain.candidates or chain.alignment for chain in chains]
    return [MSA.from_alignment(rows) for rows in paired_rows(candidates, "af2")]


def _back_to_input_order(chains: Sequence[ChainFeatures], numbers: Chains) -> Int[Tensor, " n"]:
    """Where the columns of each chain stand after `merge`, which puts copies beside each other."""
    lengths = [len(chain.sequence) for chain in chains]
    grouped = numbers.by_entity
    starts = dict(zip(grouped, np.cumsum([0, *(lengths[i] for i in grouped)]).tolist(), strict=False))
    return torch.cat([torch.arange(starts[i], starts[i] + lengths[i]) for i in range(len(chains))])
