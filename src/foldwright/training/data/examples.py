"""Training examples: a crop of a chain, what the network reads of it in every pass, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.errors import InputError
from foldwright.features.af2 import Sampler
from foldwright.features.batch import AF2Batch, Templates
from foldwright.features.structure import StructureLabels
from foldwright.training.chain_order import TrueComplex
from foldwright.training.data.chain import Chain
from foldwright.training.data.pieces import Piece, piece_of_chain, piece_of_complex, whole_chain, whole_complex
from foldwright.training.data.relatives import Relatives
from foldwright.training.data.rows import with_noise
from foldwright.training.data.sampling import CONTENT, SOURCE, Draw, stream
from foldwright.training.data.shards import ShardedChains
from foldwright.training.objective_af2 import length_weight
from foldwright.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class TrainingExample:
    """One example, or several collated: their batches, one for each pass, and what the last pass is judged by."""

    id: str
    passes: list[AF2Batch]
    labels: StructureLabels
    has_sidechains: Float[Tensor, "*batch"]  # 0 where only the backbone is known
    is_clamped: Float[Tensor, "*batch"]  # of the backbone's error, AF2 Suppl. 1.11.5
    weight: Float[Tensor, "*batch"]  # root of the number of residues, by which the loss is multiplied, AF2 Suppl. 1.9
    truth: TrueComplex | None = None  # all chains of a complex, from which labels may be taken in another order

    def to(self, *args: Any, **kwargs: Any) -> TrainingExample:
        """Like `Tensor.to`, on all tensors."""
        return replace(
            self,
            passes=[batch.to(*args, **kwargs) for batch in self.passes],
            truth=None if self.truth is None else self.truth.to(*args, **kwargs),
            **{name: getattr(self, name).to(*args, **kwargs) for name in ("labels", *_SCALARS)},
        )

    @staticmethod
    def collate(examples: Sequence[TrainingExample]) -> TrainingExample:
        """Examples of equal numbers of passes along a new first axis, padded with zeros."""
        return TrainingExample(
            id=" ".join(example.id for example in examples),
            passes=[AF2Batch.collate(batches) for batches in zip(*(e.passes for e in examples), strict=True)],
            labels=StructureLabels.collate([example.labels for example in examples]),
            truth=_collated_truth([example.truth for example in examples]),
            **{name: torch.stack([getattr(example, name) for example in examples]) for name in _SCALARS},
        )


def _collated_truth(truths: Sequence[TrueComplex | None]) -> TrueComplex | None:
    """Of complexes, all or none: a network reads either chains or complexes."""
    return None if None in truths else TrueComplex.collate([truth for truth in truths if truth is not None])


_SCALARS = ("has_sidechains", "is_clamped", "weight")


class Examples:
    """The examples of a run, each decided by the recipe and its number alone."""

    def __init__(
        self,
        chains: ShardedChains,
        recipe: Recipe,
        split: str = "train",
        distilled: ShardedChains | None = None,
    ):
        """Raises InputError if the split has no chain."""
        self.chains, self.recipe, self.split, self.distilled = chains, recipe, split, distilled
        self._draw = _Source(chains, recipe, split)
        self._draw_distilled = None if distilled is None else _Source(distilled, recipe, split="")

    def draw(self, number: int, num_passes: int = 1) -> TrainingExample:
        """Example `number`, as it would be read in this many passes (AF2 Suppl. Alg. 31 "RecyclingTraining")."""
        rng = stream(self.recipe.seed, CONTENT, number)
        sampling, source = self.recipe.sampling, self._source(number)
        chain = with_noise(source.chain(number), sampling.distilled_rows, rng)
        is_clamped = rng.random() >= sampling.unclamped_fraction
        if self.recipe.model.is_multimer:
            chains = source.complex_of(chain)
            piece = piece_of_complex(chains, [self._templates(c, source, rng) for c in chains], sampling, rng)
        else:
            piece = piece_of_chain(chain, self._templates(chain, source, rng), sampling, is_clamped, rng)
        return self._training_example(piece, int(rng.integers(2**62)), num_passes, is_clamped)

    def chain_of(self, number: int) -> Chain:
        """The chain that example `number` is cut from."""
        return self._source(number).chain(number)

    def _source(self, number: int) -> _Source:
        is_distilled = stream(self.recipe.seed, SOURCE, number).random() < self.recipe.sampling.distilled_fraction
        return self._draw_distilled if self._draw_distilled is not None and is_distilled else self._draw

    def validation(self, split: str = "val", num_passes: int = 1, is_core: bool = False) -> Iterator[TrainingExample]:
        """Whole chains of a split in the order of the manifest, nothing of them left out; always the same.

        Raises:
            InputError: there is none.
        """
        for number in numbers_of(self.chains, split, is_core):
            chain = self.chains[number]
            piece = whole_complex([chain]) if self.recipe.model.is_multimer else whole_chain(chain)
            yield self._training_example(piece, number, num_passes, is_clamped=True)

    @staticmethod
    def collate(examples: Sequence[TrainingExample]) -> TrainingExample:
        """`TrainingExample.collate`."""
        return TrainingExample.collate(examples)

    def _templates(self, chain: Chain, source: _Source, rng: np.random.Generator) -> Templates | None:
        model = self.recipe.model
        reads_templates = model.templates is not None and model.features.num_templates > 0
        return source.relatives.draw(chain, rng) if reads_templates else None

    def _training_example(self, piece: Piece, seed: int, num_passes: int, is_clamped: bool) -> TrainingExample:
        sampler = Sampler(piece.example, self.recipe.model.features, self.recipe.model.is_multimer, seed)
        return TrainingExample(
            id=piece.id,
            passes=[sampler.draw(cycle) for cycle in range(num_passes)],
            labels=piece.labels,
            has_sidechains=torch.tensor(float(piece.has_sidechains)),
            is_clamped=torch.tensor(float(is_clamped)),
            weight=length_weight(piece.example.residues),
            truth=piece.truth,
        )


class _Source:
    """The chains of one split of a folder, drawn by number."""

    def __init__(self, chains: ShardedChains, recipe: Recipe, split: str):
        self.chains, self.numbers = chains, numbers_of(chains, split)
        rows = [chains.manifest[number] for number in self.numbers]
        clusters, lengths = [row.cluster for row in rows], [row.length for row in rows]
        self.draw = Draw(clusters, lengths, recipe.seed, recipe.sampling.is_length_weighted)
        self.relatives = Relatives(chains, self.numbers)
        self.entries: dict[str, list[int]] = {}
        for number in self.numbers:
            self.entries.setdefault(chains.manifest[number].entry, []).append(number)

    def chain(self, number: int) -> Chain:
        return self.chains[self.numbers[self.draw(number)]]

    def complex_of(self, chain: Chain) -> list[Chain]:
        """All chains of an entry that are in the split; a chain without an entry alone."""
        return [self.chains[number] for number in self.entries[chain.entry]] if chain.entry else [chain]


def numbers_of(chains: ShardedChains, split: str, is_core: bool = False) -> list[int]:
    """The chains of a split (all if it is empty) in order, or only those a network is judged on.

    Raises:
        InputError: there is none.
    """
    found = [
        i for i, row in enumerate(chains.manifest) if (not split or row.split == split) and (row.is_core or not is_core)
    ]
    if not found:
        known = ", ".join(sorted({row.split for row in chains.manifest}))
        message = f'no {"core " * is_core}chain is in the split "{split}".'
        raise InputError(message, file=chains.folder, remedy=f"Splits of this folder: {known}.")
    return found
