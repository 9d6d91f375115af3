"""Every atom of a predicted complex as its mmCIF file lists them, and the tokens that they belong to."""

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

ResidueKey = tuple[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Atoms:
    """The rows of _atom_site, and what the file says of chains and components."""

    keys: Sequence[ResidueKey]  # chain and number of the residue
    residues: Sequence[str]  # component codes
    names: Sequence[str]
    elements: Sequence[str]
    positions: Float[np.ndarray, "a 3"]  # angstrom
    plddt: Float[np.ndarray, " a"]
    kinds: Mapping[str, str]  # by chain
    entities: Mapping[str, int]
    components: Mapping[str, Mapping[str, str]]  # name, formula and pdbx_smiles where the file has them

    def __len__(self) -> int:
        return len(self.names)


def read_atoms(text: str, file: Path) -> Atoms:
    """The first model of a predicted structure.

    Raises:
        InputError: it is no mmCIF file, or has no atoms.
    """
    try:
        block = gemmi.cif.read_string(text)[0]
        return _atoms(block)
    except (ValueError, RuntimeError, IndexError) as error:
        message = f"cannot be read as a structure: {' '.join(str(error).split())}."
        raise InputError(message, file=file, remedy="Is this a whole mmCIF file?") from error


def _atoms(block: gemmi.cif.Block) -> Atoms:
    names = ["label_asym_id", "auth_seq_id", "label_comp_id", "label_atom_id", "type_symbol", "label_entity_id"]
    chains, numbers, residues, atoms, elements, entities = (_column(block, f"_atom_site.{name}") for name in names)
    if not atoms:
        raise ValueError("it holds no atoms")
    keys = [(chain, int(number)) for chain, number in zip(chains, numbers, strict=True)]
    entity_of = dict(zip(chains, entities, strict=True))
    polymers = dict(zip(_column(block, "_entity_poly.entity_id"), _column(block, "_entity_poly.type"), strict=True))
    sizes = {chain: len(list(rows)) for chain, rows in groupby(chains)}
    other = {chain: ION if sizes[chain] == 1 else LIGAND for chain in sizes}
    return Atoms(
        keys=keys,
        residues=residues,
        names=atoms,
        elements=[element.upper() for element in elements],
        positions=np.array([_column(block, f"_atom_site.Cartn_{axis}") for axis in "xyz"], np.float32).T,
        plddt=np.array(_column(block, "_atom_site.B_iso_or_equiv"), np.float32),
        kinds={chain: KINDS.get(polymers.get(entity, ""), other[chain]) for chain, entity in entity_of.items()},
        entities={chain: i for i, chain in _numbered(entity_of)},
        components=_components(block),
    )


def _numbered(entity_of: Mapping[str, str]) -> list[tuple[int, str]]:
    order = {entity: i for i, entity in enumerate(dict.fromkeys(entity_of.values()), 1)}
    return [(order[entity], chain) for chain, entity in entity_of.items()]


def _column(block: gemmi.cif.Block, tag: str) -> list[str]:
    known: dict[str, str] = {}
    return [known.get(value) or known.setdefault(value, gemmi.cif.as_string(value)) for value in block.find_values(tag)]


def _components(block: gemmi.cif.Block) -> dict[str, dict[str, str]]:
    tags = ("name", "formula", "pdbx_smiles")
    columns = {tag: _column(block, f"_chem_comp.{tag}") for tag in tags}
    codes = _column(block, "_chem_comp.id")
    return {
        code: {tag: column[i] for tag, column in columns.items() if i < len(column) and column[i]}
        for i, code in enumerate(codes)
    }


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


def tokens_of(atoms: Atoms, keys: Sequence[ResidueKey], file: Path) -> Tokens:
    """Atoms shared out among tokens (AF3 SI 2.6): a residue with several tokens has one for each of its atoms.

    Raises:
        InputError: tokens and atoms are not of the same residues.
    """
    by_token = [(key, len(list(run))) for key, run in groupby(keys)]
    by_atom = [(key, len(list(run))) for key, run in groupby(atoms.keys)]
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


def _centre(atoms: Atoms, start: int, stop: int) -> int:
    names = atoms.names[start:stop]
    return start + next((names.index(name) for name in CENTRES if name in names), 0)


def chains_of(atoms: Atoms, tokens: Tokens) -> tuple[Chain, ...]:
    """The chains in the order of the file, every token with its name."""
    found, start = [], 0
    for name, run in groupby(range(len(tokens.keys)), key=lambda i: tokens.keys[i][0]):
        places = tuple(_place(atoms, tokens, i) for i in run)
        kind = atoms.kinds[name]
        residues = {place.number: place.name for place in places}
        sequence = "" if kind in SMALL else "".join(r if len(r) == 1 else "X" for r in residues.values())
        entity = atoms.entities[name]
        found.append(Chain(name=name, sequence=sequence, start=start, kind=kind, entity=entity, places=places))
        start += len(places)
    return tuple(found)


def _place(atoms: Atoms, tokens: Tokens, i: int) -> Place:
    atom = int(tokens.starts[i])
    code = atoms.residues[atom]
    if atoms.kinds[tokens.keys[i][0]] not in SMALL:
        code = LETTERS.get(code, code)
    return Place(number=tokens.keys[i][1], name=code, atom=atoms.names[atom] if tokens.is_atom[i] else "")
