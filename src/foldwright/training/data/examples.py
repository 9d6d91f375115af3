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
from foldwright.features.af2 import ChainFeatures, Example, Sampler, monomer_example
from foldwright.features.batch import AF2Batch
from foldwright.features.msa import MSA, block_deletion, profile
from foldwright.features.structure import StructureLabels
from foldwright.training.data.chain import Chain
from foldwright.training.data.crop import contiguous
from foldwright.training.data.labels import chain_labels
from foldwright.training.data.rows import with_noise
from foldwright.training.data.sampling import CONTENT, SOURCE, Draw, stream
from foldwright.training.data.shards import ShardedChains
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

    def to(self, *args: Any, **kwargs: Any) -> TrainingExample:
        """Like `Tensor.to`, on all tensors."""
        return replace(
            self,
            passes=[batch.to(*args, **kwargs) for batch in self.passes],
            **{name: getattr(self, name).to(*args, **kwargs) for name in ("labels", *_SCALARS)},
        )

    @staticmethod
    def collate(examples: Sequence[TrainingExample]) -> TrainingExample:
        """Examples of equal numbers of passes along a new first axis, padded with zeros."""
        return TrainingExample(
            id=" ".join(example.id for example in examples),
            passes=[AF2Batch.collate(batches) for batches in zip(*(e.passes for e in examples), strict=True)],
            labels=StructureLabels.collate([example.labels for example in examples]),
            **{name: torch.stack([getattr(example, name) for example in examples]) for name in _SCALARS},
        )


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
        chain = with_noise(self.chain_of(number), self.recipe.sampling.distilled_rows, rng)
        is_clamped = rng.random() >= self.recipe.sampling.unclamped_fraction
        chain = chain.crop(self._crop(len(chain), is_clamped, rng))
        example = features(chain, self._deletion_starts(chain, rng), self.recipe.sampling.deletion_fraction)
        return self._training_example(chain, example, int(rng.integers(2**62)), num_passes, is_clamped)

    def chain_of(self, number: int) -> Chain:
        """The chain that example `number` is cut from."""
        is_distilled = stream(self.recipe.seed, SOURCE, number).random() < self.recipe.sampling.distilled_fraction
        source = self._draw_distilled if self._draw_distilled is not None and is_distilled else self._draw
        return source.chain(number)

    def validation(self, split: str = "val", num_passes: int = 1, is_core: bool = False) -> Iterator[TrainingExample]:
        """Whole chains of a split in the order of the manifest, nothing of them left out; always the same.

        Raises:
            InputError: there is none.
        """
        numbers = numbers_of(self.chains, split, is_core)
        for number in numbers:
            chain = self.chains[number]
            yield self._training_example(chain, features(chain), number, num_passes, is_clamped=True)

    @staticmethod
    def collate(examples: Sequence[TrainingExample]) -> TrainingExample:
        """`TrainingExample.collate`."""
        return TrainingExample.collate(examples)

    def _crop(self, length: int, is_clamped: bool, rng: np.random.Generator) -> np.ndarray:
        sampling = self.recipe.sampling
        favours_start = is_clamped and not sampling.is_crop_start_uniform
        return contiguous(length, sampling.crop_size, favours_start, rng)

    def _deletion_starts(self, chain: Chain, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(chain.depth, size=self.recipe.sampling.deletion_blocks)

    def _training_example(
        self, chain: Chain, example: Example, seed: int, num_passes: int, is_clamped: bool
    ) -> TrainingExample:
        sampler = Sampler(example, self.recipe.model.features, self.recipe.model.is_multimer, seed)
        return TrainingExample(
            id=chain.id,
            passes=[sampler.draw(cycle) for cycle in range(num_passes)],
            labels=chain_labels(chain),
            has_sidechains=torch.tensor(float(chain.has_sidechains)),
            is_clamped=torch.tensor(float(is_clamped)),
            weight=torch.tensor(float(len(chain))).sqrt(),
        )


class _Source:
    """The chains of one split of a folder, drawn by number."""

    def __init__(self, chains: ShardedChains, recipe: Recipe, split: str):
        self.chains, self.numbers = chains, numbers_of(chains, split)
        rows = [chains.manifest[number] for number in self.numbers]
        clusters, lengths = [row.cluster for row in rows], [row.length for row in rows]
        self.draw = Draw(clusters, lengths, recipe.seed, recipe.sampling.is_length_weighted)

    def chain(self, number: int) -> Chain:
        return self.chains[self.numbers[self.draw(number)]]


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


def features(chain: Chain, deletion_starts: np.ndarray | None = None, deletion_fraction: float = 0.0) -> Example:
    """What is known of a chain or a crop of one; `deletion_starts` are the blocks of rows left out of its alignment.

    AF2 Suppl. Alg. 1 "MSABlockDeletion".
    """
    # DISCREPANCY(AF2 Suppl. 1.2.8): a crop is cut before rows are clustered, by these columns alone, not after.
    example = monomer_example([ChainFeatures.of_sequence(chain.sequence)])
    index = torch.from_numpy(chain.residue_index.astype(np.int64))
    example = replace(example, residues=replace(example.residues, residue_index=index - index[0]))
    if chain.alignment is None:
        return example
    msa = MSA.from_alignment(chain.alignment)
    if deletion_starts is not None and len(deletion_starts):
        msa = msa.select(block_deletion(len(msa), deletion_starts, deletion_fraction))
    return replace(example, msa=msa, profile=profile(msa))
