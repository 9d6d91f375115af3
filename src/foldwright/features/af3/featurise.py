"""From a job to all that AlphaFold 3 reads of it, array by array under the released program's names (AF3 SI 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from foldwright.chem.components import Components
from foldwright.chem.conformers import Conformer
from foldwright.errors import InputError
from foldwright.features.af3.bonds import bond_features, check_bonds
from foldwright.features.af3.layout import TokenTable, gather_features, layout_features, padded, table_of
from foldwright.features.af3.msa import ChainRows, msa_features
from foldwright.features.af3.reference import conformers, frames_mask, reference_features, residues_of
from foldwright.features.af3.templates import template_features
from foldwright.features.af3.tokens import ChainTokens, tokenise
from foldwright.io.complexes.job import RNA, ComplexJob, Protein

# The sizes to which the released program pads by default; larger inputs keep their own.
BUCKETS = (128, 256, 384, 512, 768, 1024, 1280, 1536, 2048, 2560, 3072, 3584, 4096, 4608, 5120)

Arrays = dict[str, np.ndarray]
T = TypeVar("T")


def featurise(job: ComplexJob, components: Components, seed: int, buckets: Sequence[int] | None = None) -> Arrays:
    """All features of a job for one seed, padded to the smallest bucket that holds its tokens; without buckets, none.

    `batch_from_arrays` makes of them what the network reads.

    Raises:
        InputError: whatever of the job AlphaFold 3 cannot honour, and alignments or templates still to be searched.
    """
    return prepare(job, components, buckets).draw(seed)


def prepare(job: ComplexJob, components: Components, buckets: Sequence[int] | None = None) -> Prepared:
    """What is the same for all seeds; nothing expensive is computed yet.

    Raises:
        InputError: a molecule or a bond that AlphaFold 3 cannot honour.
    """
    if job.user_ccd:
        components = components.with_blocks(job.user_ccd, job.source)
    table = table_of(tokenise(job, components))
    check_bonds(table, job.bonds)
    return Prepared(job, table, padded_size(len(table), buckets))


def padded_size(num_tokens: int, buckets: Sequence[int] | None) -> int:
    """The smallest bucket that holds the tokens; their number where none does."""
    return min((size for size in buckets or () if size >= num_tokens), default=num_tokens)


@dataclass(frozen=True)
class Prepared:
    """A job whose tokens are known."""

    job: ComplexJob
    table: TokenTable
    num_tokens: int  # with padding

    def draw(self, seed: int, threads: int = 1) -> Arrays:
        """All features for one seed."""
        return self.features_of(self.conformers(seed, threads))

    def conformers(self, seed: int, threads: int = 1) -> list[Conformer]:
        """The reference conformer of every residue for one seed; each says where it comes from."""
        return conformers(residues_of(self.table), seed, threads)

    def features_of(self, conformers: Sequence[Conformer]) -> Arrays:
        """All features, given the reference conformers."""
        return {**self.constant, **reference_features(self.table, conformers, self.num_tokens)}

    @cached_property
    def constant(self) -> Arrays:
        """The features that do not depend on the seed.

        Raises:
            InputError: an alignment or a template that does not fit, or one still to be searched.
        """
        chains = [rows_of(chain) for chain in self.table.chains]
        columns = np.stack([self.table.chain, self.table.residue], axis=1)
        msa, templates = msa_features(chains, columns), template_features(chains, columns)
        of_tokens = {**token_features(self.table), **_atom_features(self.table)}
        return {
            **{name: self._pad(array) for name, array in of_tokens.items()},
            "seq_length": np.array(len(self.table), np.int32),
            **{name: self._pad(array, int(name in _ROWS)) for name, array in msa.items()},
            **{name: self._pad(array, 1) for name, array in templates.items()},
            **gather_features(self.table, self.num_tokens),
            **bond_features(self.table, self.job.bonds, self.num_tokens),
            **layout_features(self.table, self.num_tokens),
        }

    def _pad(self, array: np.ndarray, axis: int = 0) -> np.ndarray:
        return padded(array, self.num_tokens, axis) if array.ndim else array


_ROWS = frozenset({"msa", "msa_mask", "deletion_matrix"})  # tokens are their second axis


def token_features(table: TokenTable) -> Arrays:
    """Who stands where (AF3 SI Table 5); chains, entities and copies count from 1."""
    of_chains = {
        "asym_id": [chain.number for chain in table.chains],
        "entity_id": [chain.entity_number for chain in table.chains],
        "sym_id": [chain.copy_number for chain in table.chains],
    }
    restypes = np.array([residue.restype for residue in residues_of(table)])
    numbers = {
        "residue_index": table.residue + 1,
        "token_index": np.arange(len(table)) + 1,
        "aatype": restypes[table.space],
        **{name: np.array(values)[table.chain] for name, values in of_chains.items()},
    }
    kinds = np.array([chain.kind for chain in table.chains])[table.chain]
    return {
        **{name: array.astype(np.int32) for name, array in numbers.items()},
        "seq_mask": np.ones(len(table), bool),
        **{f"is_{kind}": kinds == kind for kind in ("protein", "rna", "dna", "ligand")},
        # Kinds of chains that the PDB knows, and no job can name.
        "is_nonstandard_polymer_chain": np.zeros(len(table), bool),
        "is_water": np.zeros(len(table), bool),
    }


def _atom_features(table: TokenTable) -> Arrays:
    return {
        "pred_dense_atom_mask": table.is_atom,
        "residue_center_index": table.centre.astype(np.int32),
        "frames_mask": frames_mask(table),
    }


def rows_of(chain: ChainTokens) -> ChainRows:
    """The alignments and templates of a chain.

    Raises:
        InputError: they are still to be searched.
    """
    entity = chain.entity
    rows = ChainRows(kind=chain.kind, sequence=chain.sequence, entity=chain.entity_number, name=chain.id)
    if isinstance(entity, RNA):
        return replace(rows, unpaired=_given(entity.unpaired_msa, chain, "unpairedMsa"))
    if not isinstance(entity, Protein):
        return rows
    return replace(
        rows,
        unpaired=_given(entity.unpaired_msa, chain, "unpairedMsa"),
        paired=_given(entity.paired_msa, chain, "pairedMsa"),
        templates=_given(entity.templates, chain, "templates"),
    )


def _given(value: T | None, chain: ChainTokens, field: str) -> T:
    if value is None:
        message = f"chain {chain.id} has none yet."
        raise InputError(message, field=field, remedy="Search for them first, or give empty ones to do without.")
    return value
