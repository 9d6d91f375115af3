"""A protein structure in memory, whatever file or network it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate, pairwise

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.residues import ONE_TO_THREE, aatype_to_sequence, sequence_to_aatype
from foldwright.io.job import chain_id


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a deposition says of itself. Unknown: empty text, resolution 0."""

    method: str = ""  # lower case: "x-ray diffraction"
    release_date: str = ""  # first release, 1995-02-07
    resolution: float = 0.0  # angstrom


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """Protein chains, one after the other; residues without coordinates are there with an empty mask.

    Each array has one entry for each residue; `chain_index` points into `chain_ids`, the author's names.
    """

    chain_ids: tuple[str, ...]
    chain_index: Int[np.ndarray, " n"]
    aatype: Int[np.ndarray, " n"]  # 0-20; a modified residue as the one it was made of
    residue_names: Shaped[np.ndarray, " n"]  # three letters as in the file: MSE where aatype says M
    residue_index: Int[np.ndarray, " n"]  # place in the chain's whole sequence, from 1
    author_numbers: Int[np.ndarray, " n"]  # as the authors count
    insertion_codes: Shaped[np.ndarray, " n"]  # "" or a letter that tells residues of one number apart
    is_hetero: Bool[np.ndarray, " n"]  # written as HETATM
    positions: Float[np.ndarray, "n 37 3"]  # angstrom, float32, 0 where the mask is 0
    mask: Float[np.ndarray, "n 37"]
    b_factors: Float[np.ndarray, "n 37"]  # pLDDT 0-100 in a prediction
    name: str = ""
    header: Header = field(default_factory=Header)

    @classmethod
    def of_sequences(
        cls,
        sequences: Sequence[str],
        positions: Float[np.ndarray, "n 37 3"],
        mask: Float[np.ndarray, "n 37"],
        b_factors: Float[np.ndarray, " n"],
        *,
        chain_ids: Sequence[str] | None = None,
        name: str = "",
    ) -> Structure:
        """What a network predicts for these chains: numbered from 1, one B factor (pLDDT, 0-100) for each residue."""
        aatype = sequence_to_aatype("".join(sequences))
        number = np.concatenate([np.arange(1, len(sequence) + 1) for sequence in sequences])
        mask = np.asarray(mask, np.float32)
        return cls(
            chain_ids=tuple(chain_ids or map(chain_id, range(len(sequences)))),
            chain_index=np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences]),
            aatype=aatype,
            residue_names=np.array([ONE_TO_THREE.get(letter, "UNK") for letter in aatype_to_sequence(aatype)]),
            residue_index=number,
            author_numbers=number,
            insertion_codes=np.full(len(aatype), ""),
            is_hetero=np.zeros(len(aatype), bool),
            positions=np.asarray(positions, np.float32) * mask[..., None],
            mask=mask,
            b_factors=np.asarray(b_factors, np.float32)[:, None] * mask,
            name=name,
        )

    def __len__(self) -> int:
        return len(self.aatype)

    @property
    def sequence(self) -> str:
        """One letter for each residue, chains run together."""
        return aatype_to_sequence(self.aatype)

    @property
    def sequences(self) -> tuple[str, ...]:
        """One sequence for each chain, missing residues included."""
        return tuple(self.sequence[start:stop] for start, stop in self.chain_borders)

    @property
    def chain_borders(self) -> list[tuple[int, int]]:
        """First residue of each chain and the one after its last."""
        sizes = np.bincount(self.chain_index, minlength=len(self.chain_ids)).tolist()
        return list(pairwise(accumulate(sizes, initial=0)))

    @property
    def entity_ids(self) -> tuple[int, ...]:
        """For each chain the number of its residues' names among the distinct ones, from 1."""
        names = [tuple(self.residue_names[start:stop]) for start, stop in self.chain_borders]
        order = {chain: i for i, chain in enumerate(dict.fromkeys(names), 1)}
        return tuple(order[chain] for chain in names)

    @property
    def is_resolved(self) -> Bool[np.ndarray, " n"]:
        """Residues with at least one atom."""
        return self.mask.max(axis=1) > 0

    @property
    def residue_b_factors(self) -> Float[np.ndarray, " n"]:
        """That of the alpha carbon, or the mean of what atoms there are; 0 for a residue without any."""
        mean = (self.b_factors * self.mask).sum(axis=1) / np.maximum(self.mask.sum(axis=1), 1)
        alpha = ATOM_INDEX["CA"]
        return np.where(self.mask[:, alpha] > 0, self.b_factors[:, alpha], mean)

    def select(self, residues: Bool[np.ndarray, " n"]) -> Structure:
        """Only these residues; a chain that loses all of its own is gone."""
        kept = np.unique(self.chain_index[residues])
        arrays = {f.name: getattr(self, f.name)[residues] for f in fields(self) if f.name not in _WHOLE}
        arrays["chain_index"] = np.searchsorted(kept, self.chain_index[residues])
        return replace(self, chain_ids=tuple(self.chain_ids[i] for i in kept), **arrays)

    def chain(self, chain_id: str) -> Structure:
        """One chain by the author's name. Raises KeyError if there is none."""
        if chain_id not in self.chain_ids:
            raise KeyError(f"no protein chain {chain_id}; there are {', '.join(self.chain_ids)}")
        return self.select(self.chain_index == self.chain_ids.index(chain_id))


_WHOLE = ("chain_ids", "name", "header")  # fields that are not one entry for each residue
