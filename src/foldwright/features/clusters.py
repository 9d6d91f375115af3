"""Every row that is not a centre joins a centre and leaves its letters in the profile of that cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.features.msa import MSA

NUM_CLASSES = 23  # 20 amino acids, unknown, gap, mask token
NUM_COUNTED = 21  # agreement in a gap or a mask token counts nothing, AF2 Suppl. 1.2.7 item 3
CHUNK_BYTES = 2**26  # one-hot rows held at once


class Clusters(NamedTuple):
    """What the members of each cluster have on average (AF2 Suppl. 1.2.7 item 3)."""

    profile: Float[Tensor, "c n 23"]
    deletion_mean: Float[Tensor, "c n"]


def agreement(centres: MSA, rows: MSA) -> Float[Tensor, "e c"]:
    """In how many columns a row and a centre have the same residue (AF2 Suppl. 1.2.7 item 3, Hamming distance)."""
    ours = _one_hot(centres)[..., :NUM_COUNTED].flatten(1).T.contiguous()
    return torch.cat([_one_hot(part)[..., :NUM_COUNTED].flatten(1) @ ours for part in _chunks(rows)])


def nearest_centre(centres: MSA, rows: MSA) -> Int[Tensor, " e"]:
    """The centre that agrees with a row most, the first of equals (AF2 Suppl. 1.2.7 item 3)."""
    return agreement(centres, rows).argmax(-1)


def monomer_clusters(centres: MSA, rows: MSA) -> Clusters:
    """Averages over each centre and the rows nearest to it (AF2 Suppl. 1.2.7 item 3)."""
    counts = 1e-6 + centres.mask  # the released code's epsilon
    letters = _unmasked_one_hot(centres)
    deletions = centres.deletions.clone()
    if len(rows):
        nearest = nearest_centre(centres, rows)
        counts = counts.index_add(0, nearest, rows.mask)
        deletions.index_add_(0, nearest, rows.mask * rows.deletions)
        _count_letters(letters, nearest, rows)
    return Clusters(letters / counts[..., None], deletions / counts)


def multimer_clusters(centres: MSA, rows: MSA) -> Clusters:
    """Averages with rows shared among equally near centres and weighted by the columns both cover.

    DISCREPANCY(AF2 Suppl. 1.2.7 item 3): the released multimer code takes softmax(1000 x agreement) over the centres
    times the number of columns where neither row is padding, and divides by one more than the sum of these weights.
    """
    weight_sum = centres.mask.new_zeros(len(centres))
    letters = _one_hot(centres, centres.mask.dtype)
    deletions = centres.mask * centres.deletions
    for part in _chunks(rows):
        # Agreement counts are exact in float32; only a tie leaves a softmax of 1000 x agreement between 0 and 1.
        weight = torch.softmax(1e3 * agreement(centres, part).to(centres.mask), dim=-1) * (part.mask @ centres.mask.T)
        weight_sum += weight.sum(0)
        letters += (weight.T @ _one_hot(part, part.mask.dtype).flatten(1)).view_as(letters)
        deletions += weight.T @ (part.mask * part.deletions)
    return Clusters(letters / (weight_sum + 1)[:, None, None], deletions / (weight_sum + 1)[:, None])


def _chunks(rows: MSA) -> Iterator[MSA]:
    size = max(1, CHUNK_BYTES // (rows.rows.shape[1] * NUM_CLASSES * 8))
    for start in range(0, len(rows), size):
        yield rows.map(lambda x, at=slice(start, start + size): x[at])


def _one_hot(msa: MSA, dtype: torch.dtype = torch.float32) -> Float[Tensor, "s n 23"]:
    zeros = msa.mask.new_zeros(*msa.rows.shape, NUM_CLASSES, dtype=dtype)
    return zeros.scatter_(-1, msa.rows[..., None], msa.mask[..., None].to(dtype))


def _unmasked_one_hot(msa: MSA) -> Float[Tensor, "s n 23"]:
    return torch.nn.functional.one_hot(msa.rows, NUM_CLASSES).to(msa.mask)


def _count_letters(letters: Tensor, cluster: Tensor, rows: MSA) -> None:
    """Add one, in place, for every letter of every row to the table of the row's cluster."""
    num_columns = rows.rows.shape[1]
    columns = cluster[:, None] * num_columns + torch.arange(num_columns, device=cluster.device)
    letters.view(-1).scatter_add_(0, (columns * NUM_CLASSES + rows.rows).flatten(), rows.mask.flatten())
