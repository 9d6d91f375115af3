"""An alignment as numbers, and which of its rows one pass reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.chem.residues import GAP, MSA_INDEX, UNKNOWN
from foldwright.features.batch import TensorGroup
from foldwright.io.alignment import Alignment

NUM_LETTERS = 22  # 20 amino acids, unknown, gap
_CODE = np.full(256, UNKNOWN, dtype=np.int64)
_CODE[[ord(letter) for letter in MSA_INDEX]] = list(MSA_INDEX.values())


@dataclass(frozen=True, kw_only=True)
class MSA(TensorGroup):
    """Rows over the query's columns; the first row is the query."""

    rows: Int[Tensor, "s n"]  # 0-20, 21 gap
    deletions: Float[Tensor, "s n"]  # residues cut out to the left of each column
    mask: Float[Tensor, "s n"]  # 0 on padding
    bert_mask: Float[Tensor, "s n"]  # 0 where a row only fills up the chains it does not cover
    is_centre: Float[Tensor, " s"]  # 1 for rows that always become cluster centres

    @classmethod
    def from_alignment(cls, alignment: Alignment) -> MSA:
        """The rows of an alignment, as they are."""
        return cls.from_rows(_CODE[alignment.letters], alignment.deletions)

    @classmethod
    def from_rows(cls, rows: Int[np.ndarray, "s n"], deletions: Int[np.ndarray, "s n"]) -> MSA:
        """Unpadded rows, of which only the first must become a centre."""
        present = torch.ones(rows.shape)
        is_centre = torch.zeros(len(rows))
        is_centre[:1] = 1
        return cls(
            rows=torch.from_numpy(rows.astype(np.int64)),
            deletions=torch.from_numpy(deletions.astype(np.float32)),
            mask=present,
            bert_mask=present,
            is_centre=is_centre,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, chosen: Int[Tensor, " k"]) -> MSA:
        """Only these rows, in this order."""
        return self.map(lambda x: x[chosen])

    def columns(self, chosen: Int[Tensor, " k"]) -> MSA:
        """Only these columns, in this order."""
        return self.map(lambda x: x[:, chosen] if x.ndim == 2 else x)


def num_effective_rows(msa: MSA) -> int:
    """How many rows hold at least one residue."""
    return int(((msa.rows != GAP) & (msa.mask > 0)).any(-1).sum())


def has_deletion(deletions: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """1 where something was cut out to the left (AF2 Suppl. Table 1 `cluster_has_deletion`)."""
    return deletions.clamp(0, 1)


def deletion_value(deletions: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """2/pi arctan(d/3), which brings a count into [0, 1) (AF2 Suppl. Table 1 `cluster_deletion_value`)."""
    return torch.atan(deletions / 3) * (2 / torch.pi)


def profile(msa: MSA) -> Float[Tensor, "n 22"]:
    """How often each letter stands in each column (AF2 Suppl. 1.2.7 item 2)."""
    counts = msa.mask.new_zeros(msa.rows.shape[1], NUM_LETTERS)
    counts.scatter_add_(1, msa.rows.T, msa.mask.T)
    return counts / (1e-10 + msa.mask.sum(0))[:, None]


def row_order(keys: Float[np.ndarray, " s"], msa: MSA) -> Int[Tensor, " s"]:
    """The order in which rows are taken: those that must be centres, then the others by random key, then padding.

    AF2 Suppl. 1.2.7 item 1. The released multimer code orders by Gumbel noise with a bias of 1e6; so does this.
    """
    is_padding = (msa.mask.sum(1) == 0).numpy()
    # In the monomer the query alone must be a centre, and it comes first.
    return torch.from_numpy(np.lexsort((keys, is_padding, -msa.is_centre.numpy())))


def block_deletion(
    num_rows: int, block_starts: Int[np.ndarray, " blocks"], fraction: float = 0.3
) -> Int[Tensor, " kept"]:
    """The rows that remain after contiguous blocks, each `fraction` of the alignment long, are deleted.

    AF2 Suppl. Alg. 1 "MSABlockDeletion"; the paper draws 5 starts uniformly from all rows. It is used in training only.
    """
    length = int(num_rows * fraction)
    # DISCREPANCY(AF2 Alg. 1): the released code never deletes the query, and blocks end at the last row.
    deleted = np.asarray(block_starts)[:, None] + np.arange(length)
    is_kept = np.ones(num_rows, dtype=bool)
    is_kept[deleted.clip(max=num_rows - 1)] = False
    is_kept[0] = True
    return torch.from_numpy(np.flatnonzero(is_kept))
