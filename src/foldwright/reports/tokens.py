"""The tokens of a predicted complex: which atoms are of each, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import gemmi
import numpy as np
from jaxtyping import Float, Int

from foldwright.chem.residues import THREE_TO_ONE
from foldwright.errors import InputError
from foldwright.io.complexes.structure import ComplexStructure
from foldwright.io.packed import read_packed
from foldwright.reports.results import PROTEIN, Chain, Place

RNA, DNA, HYBRID, LIGAND, ION = "RNA", "DNA", "DNA/RNA", "ligand", "ion"
SMALL = (LIGAND, ION)  # chains that are no polymers
KINDS = {
    "polypeptide(L)": PROTEIN,
    "polypeptide(D)": PROTEIN,
    "polyribonucleotide": RNA,
    "polydeoxyribonucleotide": DNA,
    "polydeoxyribonucleotide/polyribonucleotide hybrid": HYBRID,
}
LETTERS = THREE_TO_ONE | {name: name[-1] for name in ("A", "C", "G", "U", "DA", "DC", "DG", "DT")}
CENTRES = ("CA", "C1'")  # of a residue that is one token

ResidueKey = tuple[str, int]  # chain and number


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """The tokens of a prediction, each a run of atoms."""

    keys: Sequence[ResidueKey]
    starts: Int[np.ndarray, " n"]  # first atom of each
    centres: Int[np.ndarray, " n"]  # the atom that stands for it
    is_atom: Sequence[bool]  # one of several tokens of its residue

    def means(self, values: Float[np.ndarray, " a"]) -> Float[np.ndarray, " n"]:
        """The mean over each token's atoms."""
        sizes = np.diff(self.starts, append=len(values))
        return (np.add.reduceat(values.astype(np.float64), self.starts) / sizes).astype(np.float32)

    def ranges(self, values: Float[np.ndarray, " a"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """The lowest and the highest of each token's atoms."""
        return np.minimum.reduceat(values, self.starts), np.maximum.reduceat(values, self.starts)


def tokens_of(atoms: ComplexStructure, keys: Sequence[ResidueKey], file: Path) -> Tokens:
    """Atoms shared out among tokens (AF3 SI 2.6): a residue with several tokens has one for each of its atoms.

    Raises:
        InputError: tokens and atoms are not of the same residues; `file` is that of the tokens.
    """
    by_token = [(key, len(list(run))) for key, run in groupby(keys)]
    by_atom = [(key, len(list(run))) for key, run in groupby(_keys(atoms))]
    if [key for key, _ in by_token] != [key for key, _ in by_atom]:
        raise InputError("is of other residues than the structure beside it.", file=file, remedy="Predict it again.")
    starts: list[int] = []
    at = 0
    for (key, tokens), (_, size) in zip(by_token, by_atom, strict=True):
        if tokens not in (1, size):
            message = f"has {tokens} tokens for residue {key[0]} {key[1]}, the structure {size} atoms."
            raise InputError(message, file=file, remedy="Predict it again.")
        starts += range(at, at + size) if tokens > 1 else [at]
        at += size
    is_atom = [count > 1 for _, count in by_token for _ in range(count)]
    ends = [*starts[1:], at]
    centres = [_centre(atoms, start, stop) for start, stop in zip(starts, ends, strict=True)]
    return Tokens(keys=keys, starts=np.array(starts), centres=np.array(centres), is_atom=is_atom)


def _keys(atoms: ComplexStructure) -> list[ResidueKey]:
    return list(zip(atoms.chain_ids.tolist(), atoms.residue_ids.tolist(), strict=True))


def _centre(atoms: ComplexStructure, start: int, stop: int) -> int:
    names = atoms.atom_names[start:stop].tolist()
    return start + next((names.index(name) for name in CENTRES if name in names), 0)


def chains_of(atoms: ComplexStructure, tokens: Tokens) -> tuple[Chain, ...]:
    """The chains in the order of the file, every token with its name; equal ones are of one entity."""
    found: list[Chain] = []
    entities: dict[tuple[str, ...], int] = {}
    for name, run in groupby(range(len(tokens.keys)), key=lambda i: tokens.keys[i][0]):
        members = list(run)
        first = int(tokens.starts[members[0]])
        kind = KINDS.get(str(atoms.chain_types[first]), ION if len(members) == 1 else LIGAND)
        places = tuple(_place(atoms, tokens, i, kind) for i in members)
        residues = list({place.number: place.name for place in places}.values())
        sequence = "" if kind in SMALL else "".join(r if len(r) == 1 else "X" for r in residues)
        entity = entities.setdefault((kind, *residues), len(entities) + 1)
        found.append(Chain(name=name, sequence=sequence, start=members[0], kind=kind, entity=entity, places=places))
    return tuple(found)


def _place(atoms: ComplexStructure, tokens: Tokens, i: int, kind: str) -> Place:
    atom = int(tokens.starts[i])
    code = str(atoms.residue_names[atom])
    name = code if kind in SMALL else LETTERS.get(code, code)
    return Place(number=tokens.keys[i][1], name=name, atom=str(atoms.atom_names[atom]) if tokens.is_atom[i] else "")


def read_components(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Name, formula and SMILES of every component, where the structure's file has them."""
    block = gemmi.cif.read_string(read_packed(path)).sole_block()
    table = block.find("_chem_comp.", ["id", "?name", "?formula", "?pdbx_smiles"])
    found = {}
    for row in table:
        columns = {tag: row.str(i) for i, tag in ((1, "name"), (2, "formula"), (3, "smiles")) if row.has(i)}
        found[row.str(0)] = {tag: " ".join(text.split()) for tag, text in columns.items() if text}
    return found
