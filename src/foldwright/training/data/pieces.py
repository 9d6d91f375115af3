"""What the network reads of a chain or a complex, or of a crop of one, and the truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int

from foldwright.features.af2 import ChainFeatures, Example, monomer_example, multimer_example
from foldwright.features.batch import Templates
from foldwright.features.msa import MSA, block_deletion, profile
from foldwright.features.structure import CA, StructureLabels
from foldwright.io.alignment import Alignment
from foldwright.training.chain_order import TrueComplex
from foldwright.training.data.chain import Chain, join
from foldwright.training.data.crop import contiguous, contiguous_of_chains, spatial
from foldwright.training.data.labels import chain_labels
from foldwright.training.recipe import Sampling

SPATIAL_FRACTION = 0.5  # of the crops of complexes, AF-Multimer Suppl. Alg. 1, 2


@dataclass(frozen=True)
class Piece:
    """Residues with everything known of them, before a pass draws what it reads."""

    id: str
    example: Example
    labels: StructureLabels
    has_sidechains: bool
    truth: TrueComplex | None = None


def whole_chain(chain: Chain, templates: Templates | None = None) -> Piece:
    """A chain as it is, with its whole alignment."""
    example = replace(chain_features(chain), templates=templates)
    return Piece(chain.id, example, chain_labels(chain), chain.has_sidechains)


def piece_of_chain(
    chain: Chain, templates: Templates | None, sampling: Sampling, is_clamped: bool, rng: np.random.Generator
) -> Piece:
    """A contiguous crop of a chain with some of the rows of its alignment (AF2 Suppl. 1.2.6, 1.2.8)."""
    favours_start = is_clamped and not sampling.is_crop_start_uniform
    chosen = contiguous(len(chain), sampling.crop_size, favours_start, rng)
    # DISCREPANCY(AF2 Suppl. 1.2.8): a crop is cut before rows are clustered, by these columns alone, not after.
    part = with_deleted_blocks(chain.crop(chosen), sampling, rng)
    return whole_chain(part, _columns(templates, torch.from_numpy(chosen)))


def with_deleted_blocks(chain: Chain, sampling: Sampling, rng: np.random.Generator) -> Chain:
    """A chain without some blocks of rows of its alignment (AF2 Suppl. Alg. 1 "MSABlockDeletion")."""
    starts = rng.integers(chain.depth, size=sampling.deletion_blocks)
    if chain.alignment is None or not len(starts):
        return chain
    kept = block_deletion(chain.depth, starts, sampling.deletion_fraction)
    return replace(chain, alignment=chain.alignment.rows(kept.numpy()))


def chain_features(chain: Chain) -> Example:
    """What is known of a chain: its residues under their own numbers, and every row of its alignment."""
    example = monomer_example([ChainFeatures.of_sequence(chain.sequence)])
    index = torch.from_numpy(chain.residue_index.astype(np.int64))
    example = replace(example, residues=replace(example.residues, residue_index=index - index[0]))
    if chain.alignment is None:
        return example
    msa = MSA.from_alignment(chain.alignment)
    return replace(example, msa=msa, profile=profile(msa))


def whole_complex(chains: Sequence[Chain]) -> Piece:
    """All chains of a complex."""
    return _piece_of(chains, [None] * len(chains), np.arange(sum(map(len, chains))))


def piece_of_complex(
    chains: Sequence[Chain], templates: Sequence[Templates | None], sampling: Sampling, rng: np.random.Generator
) -> Piece:
    """A crop of a complex: a piece of each chain, or what surrounds a residue of an interface.

    AF-Multimer Suppl. Alg. 1, 2.
    """
    chains = [with_deleted_blocks(chain, sampling, rng) for chain in chains]
    is_spatial = rng.random() < SPATIAL_FRACTION
    chosen = _around_interface(chains, sampling.crop_size, rng) if is_spatial else None
    if chosen is None:
        chosen = contiguous_of_chains([len(chain) for chain in chains], sampling.crop_size, rng)
    return _piece_of(chains, templates, chosen)


def _around_interface(
    chains: Sequence[Chain], crop_size: int, rng: np.random.Generator
) -> Int[np.ndarray, " m"] | None:
    joined = join(chains)
    asym_id = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    return spatial(joined.positions[:, CA], joined.mask[:, CA], asym_id, crop_size, rng)


def _piece_of(chains: Sequence[Chain], templates: Sequence[Templates | None], chosen: Int[np.ndarray, " m"]) -> Piece:
    joined, example = join(chains), complex_features(chains, templates)
    truth = TrueComplex(labels=chain_labels(joined), residues=example.residues)
    part = joined.crop(chosen)
    return Piece(joined.id, _cropped(example, torch.from_numpy(chosen)), chain_labels(part), part.has_sidechains, truth)


def complex_features(chains: Sequence[Chain], templates: Sequence[Templates | None]) -> Example:
    """What is known of the chains of a complex, their rows paired where they can be (AF-Multimer Suppl. 7.2)."""
    known = [
        ChainFeatures(chain.sequence, chain.alignment or Alignment.of_query(chain.sequence), templates=template)
        for chain, template in zip(chains, templates, strict=True)
    ]
    example = multimer_example(known)
    index = torch.from_numpy(np.concatenate([c.residue_index - c.residue_index[0] for c in chains]).astype(np.int64))
    return replace(example, residues=replace(example.residues, residue_index=index))


def _cropped(example: Example, chosen: Int[torch.Tensor, " m"]) -> Example:
    return replace(
        example,
        residues=example.residues.map(lambda x: x[chosen]),
        target_feat=example.target_feat[chosen],
        msa=example.msa.columns(chosen),
        profile=example.profile[chosen],
        templates=_columns(example.templates, chosen),
    )


def _columns(templates: Templates | None, chosen: Int[torch.Tensor, " m"]) -> Templates | None:
    return None if templates is None else templates.map(lambda x: x if x.ndim == 1 else x[:, chosen])
