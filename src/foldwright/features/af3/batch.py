"""What AlphaFold 3 reads, as typed groups (AF3 SI 2.8, Table 5): tokens, each with room for 24 atoms.

A token is a residue, a nucleotide, or one heavy atom of anything else. Atoms are addressed as [token, slot], and for
windowed attention as [subset, 32] with `s = ceil(24 n / 32)` subsets; the gathers of `AtomLayout` lead between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foldwright.errors import InputError
from foldwright.features.batch import TensorGroup

NUM_RESIDUE_TYPES = 31  # amino acids 0-19, unknown 20, gap 21, RNA 22-25, DNA 26-29, unknown nucleotide 30: AF3 SI 2.8
ATOMS_PER_TOKEN = 24  # the most heavy atoms a standard residue or nucleotide has, terminal oxygens included


@dataclass(frozen=True, kw_only=True)
class Tokens(TensorGroup):
    """Who stands where (AF3 SI Table 5); chains, entities and copies count from 1."""

    residue_index: Int[Tensor, "*batch n"]  # number in the chain, from 1; shared by the atoms of one residue
    token_index: Int[Tensor, "*batch n"]  # from 1
    aatype: Int[Tensor, "*batch n"]  # restype, 0-30
    asym_id: Int[Tensor, "*batch n"]
    entity_id: Int[Tensor, "*batch n"]
    sym_id: Int[Tensor, "*batch n"]
    mask: Float[Tensor, "*batch n"]  # 0 on padding
    is_protein: Bool[Tensor, "*batch n"]
    is_rna: Bool[Tensor, "*batch n"]
    is_dna: Bool[Tensor, "*batch n"]
    is_ligand: Bool[Tensor, "*batch n"]


@dataclass(frozen=True, kw_only=True)
class AF3MSA(TensorGroup):
    """The alignment and its statistics; rows after `num_rows` are padding."""

    rows: Int[Tensor, "*batch m n"]  # 0-30
    deletions: Int[Tensor, "*batch m n"]  # residues inserted before this column, at most 127
    mask: Float[Tensor, "*batch m n"]
    profile: Float[Tensor, "*batch n 31"]  # of the unpaired alignment, before rows are dropped
    deletion_mean: Float[Tensor, "*batch n"]
    num_rows: Int[Tensor, "*batch"]

    def take(self, order: Int[Tensor, "*batch k"]) -> AF3MSA:
        """The alignment cut down to these rows, in this order; what was counted over all rows stays."""
        rows, deletions, mask = (
            torch.take_along_dim(x, order[..., None], dim=-2) for x in (self.rows, self.deletions, self.mask)
        )
        return replace(self, rows=rows, deletions=deletions, mask=mask)


@dataclass(frozen=True, kw_only=True)
class AF3Templates(TensorGroup):
    """Structures of relatives, aligned to the tokens; an empty slot has an empty mask."""

    aatype: Int[Tensor, "*batch t n"]  # 0-30
    positions: Float[Tensor, "*batch t n 24 3"]  # angstrom
    mask: Float[Tensor, "*batch t n 24"]


@dataclass(frozen=True, kw_only=True)
class ReferenceAtoms(TensorGroup):
    """One conformer per residue or molecule, centred, turned and moved at random (AF3 SI 2.8)."""

    positions: Float[Tensor, "*batch n 24 3"]  # angstrom
    mask: Float[Tensor, "*batch n 24"]
    element: Int[Tensor, "*batch n 24"]  # atomic number
    charge: Float[Tensor, "*batch n 24"]
    name_chars: Int[Tensor, "*batch n 24 4"]  # character code - 32; 0 after the name's end
    space_uid: Int[Tensor, "*batch n 24"]  # the conformer an atom belongs to


@dataclass(frozen=True, kw_only=True)
class Gather(TensorGroup):
    """`out = source.flatten()[indices]`, where `mask` holds; the source is named by the field that holds the gather."""

    indices: Int[Tensor, "*batch_and_shape"]
    mask: Bool[Tensor, "*batch_and_shape"]


@dataclass(frozen=True, kw_only=True)
class AtomLayout(TensorGroup):
    """Ways between tokens, atom slots of tokens, and windows of 32 queries and 128 keys (AF3 SI 3.2)."""

    queries: Gather  # [n 24] -> [s 32]
    keys: Gather  # [s 32] -> [s 128]
    tokens_to_queries: Gather  # [n] -> [s 32]
    tokens_to_keys: Gather  # [n] -> [s 128]
    queries_to_tokens: Gather  # [s 32] -> [n 24]
    pseudo_beta: Gather  # [n 24] -> [n]


@dataclass(frozen=True, kw_only=True)
class Bonds(TensorGroup):
    """Pairs of tokens that share a bond, in one direction only (AF3 SI Table 5, token_bonds)."""

    polymer_ligand: Gather  # [n] -> [n 2]
    ligand_ligand: Gather  # [n] -> [10n 2]; all bonds within residues that are one token per atom are here


@dataclass(frozen=True, kw_only=True)
class AF3Batch(TensorGroup):
    """The input of AlphaFold 3. It is drawn once; recycling passes differ only in the order of MSA rows."""

    tokens: Tokens
    msa: AF3MSA
    templates: AF3Templates
    reference: ReferenceAtoms
    layout: AtomLayout
    bonds: Bonds
    atom_mask: Float[Tensor, "*batch n 24"]  # 1 where the token has an atom to predict
    frames_mask: Bool[Tensor, "*batch n"]  # whether the token spans a frame (AF3 SI 4.3.2)


TOKENS = ("residue_index", "token_index", "aatype", "asym_id", "entity_id", "sym_id")
MOLECULES = ("is_protein", "is_rna", "is_dna", "is_ligand")
LAYOUT = {
    "queries": "token_atoms_to_queries",
    "keys": "queries_to_keys",
    "tokens_to_queries": "tokens_to_queries",
    "tokens_to_keys": "tokens_to_keys",
    "queries_to_tokens": "queries_to_token_atoms",
    "pseudo_beta": "token_atoms_to_pseudo_beta",
}
BONDS = {"polymer_ligand": "tokens_to_polymer_ligand_bonds", "ligand_ligand": "tokens_to_ligand_ligand_bonds"}


def batch_from_arrays(arrays: Mapping[str, np.ndarray]) -> AF3Batch:
    """The batch whose arrays carry the names of the released program's features; further names are ignored.

    Raises:
        InputError: an array that is not there.
    """
    read = _Reader(arrays)
    return AF3Batch(
        tokens=Tokens(
            **{name: read.ints(name) for name in TOKENS},
            **{name: read.bools(name) for name in MOLECULES},
            mask=read.floats("seq_mask"),
        ),
        msa=AF3MSA(
            rows=read.raw("msa"),
            deletions=read.raw("deletion_matrix"),
            mask=read.floats("msa_mask"),
            profile=read.floats("profile"),
            deletion_mean=read.floats("deletion_mean"),
            num_rows=read.ints("num_alignments"),
        ),
        templates=AF3Templates(
            aatype=read.ints("template_aatype"),
            positions=read.floats("template_atom_positions"),
            mask=read.floats("template_atom_mask"),
        ),
        reference=ReferenceAtoms(
            positions=read.floats("ref_pos"),
            mask=read.floats("ref_mask"),
            element=read.ints("ref_element"),
            charge=read.floats("ref_charge"),
            name_chars=read.ints("ref_atom_name_chars"),
            space_uid=read.ints("ref_space_uid"),
        ),
        layout=AtomLayout(**{name: read.gather(key) for name, key in LAYOUT.items()}),
        bonds=Bonds(**{name: read.gather(key) for name, key in BONDS.items()}),
        atom_mask=read.floats("pred_dense_atom_mask"),
        frames_mask=read.bools("frames_mask"),
    )


@dataclass(frozen=True)
class _Reader:
    """Arrays by name as tensors of one type each."""

    arrays: Mapping[str, np.ndarray]

    def raw(self, name: str) -> Tensor:
        """As stored: an alignment of 16,384 rows of bytes stays one."""
        if name not in self.arrays:
            raise InputError(f"the features of AlphaFold 3 lack {name}.", field=name)
        return torch.from_numpy(np.array(self.arrays[name]))

    def ints(self, name: str) -> Tensor:
        return self.raw(name).long()

    def bools(self, name: str) -> Tensor:
        return self.raw(name).bool()

    def floats(self, name: str) -> Tensor:
        return self.raw(name).float()

    def gather(self, name: str) -> Gather:
        return Gather(indices=self.ints(f"{name}:gather_idxs"), mask=self.bools(f"{name}:gather_mask"))
