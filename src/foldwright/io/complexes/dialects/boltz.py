"""Boltz' YAML: one job a file, named as the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foldwright.io.complexes.dialects.alphafold3 import read_bond_ends
from foldwright.io.complexes.dialects.parts import (
    DEFAULT_SEED,
    around,
    attached,
    modifications,
    one_kind,
    read_ids,
    read_sequence,
)
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import DNA, RNA, Entity, Ligand, Protein

_CHAIN = ("id", "sequence")
_EMPTY = "empty"  # Boltz' word for the sequence alone
_NO_GUIDE = "AlphaFold 3 takes no contact or pocket constraints; bonds it does."
_REFUSED = {
    "templates": "a template here is a structure without the residues it lies under; give it in AlphaFold 3's dialect,"
    " with queryIndices and templateIndices.",
    "properties": "AlphaFold 3 computes no affinity.",
}
_REFUSED_OF_CHAIN = {"cyclic": "AlphaFold 3 has no cyclic chains."}
_REFUSED_CONSTRAINTS = {"pocket": _NO_GUIDE, "contact": _NO_GUIDE}


def read_boltz(top: Field, folder: Path, name: str) -> Draft:
    """The job of a file; paths in it are sought as `parts.around` says."""
    draft = Draft(top)
    draft.name, draft.seeds = name, [DEFAULT_SEED]
    members = top.members(("sequences",), ("version", "constraints"), _REFUSED)
    if "version" in members and members["version"].whole() not in (1, None):
        members["version"].refuse("there is no such version.", "Write 1.")
    if "sequences" in members:
        for i, item in enumerate(draft.note(("entities",), members["sequences"]).items()):
            draft.entities.append(_entity(draft, ("entities", i), item, folder))
    for item in members["constraints"].items() if "constraints" in members else ():
        _add_bond(draft, item)
    return draft


def _entity(draft: Draft, place: Place, field: Field, folder: Path) -> Entity | None:
    kind, content = one_kind(draft.note(place, field), _READERS)
    return _READERS[kind](draft, place, content, folder) if content else None


def _protein(draft: Draft, place: Place, field: Field, folder: Path) -> Protein | None:
    members = field.members(_CHAIN, ("msa", "modifications"), _REFUSED_OF_CHAIN)
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ccd", "position")
    msa = read_msa(draft, place, members["msa"], folder) if "msa" in members else None
    if ids is None or sequence is None:
        return None
    return Protein(ids, sequence, residues, msa, None if msa is None else "")


def _rna(draft: Draft, place: Place, field: Field, folder: Path) -> RNA | None:
    members = field.members(_CHAIN, ("modifications",), _REFUSED_OF_CHAIN)
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ccd", "position")
    return RNA(ids, sequence, residues) if ids is not None and sequence is not None else None


def _dna(draft: Draft, place: Place, field: Field, folder: Path) -> DNA | None:
    members = field.members(_CHAIN, ("modifications",), _REFUSED_OF_CHAIN)
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ccd", "position")
    return DNA(ids, sequence, residues) if ids is not None and sequence is not None else None


def _ligand(draft: Draft, place: Place, field: Field, folder: Path) -> Ligand | None:
    members = field.members(("id",), ("ccd", "smiles"))
    ids = read_ids(draft, place, members)
    if ("ccd" in members) == ("smiles" in members):
        return field.refuse("a ligand is given by ccd or by smiles.", "Give one of them.")
    if "smiles" in members:
        smiles = draft.note((*place, "smiles"), members["smiles"]).text()
        return Ligand(ids, smiles=smiles) if ids is not None and smiles is not None else None
    code = draft.note((*place, "ccd_codes"), members["ccd"]).text()
    return Ligand(ids, (code,)) if ids is not None and code is not None else None


_READERS: dict[str, Callable[[Draft, Place, Field, Path], Entity | None]] = {
    "protein": _protein,
    "rna": _rna,
    "dna": _dna,
    "ligand": _ligand,
}


def read_msa(draft: Draft, place: Place, field: Field, folder: Path) -> str | None:
    """The alignment of a protein: of an A3M file, or none where the word `empty` stands."""
    name = field.text("the name of an A3M file")
    if name == _EMPTY:
        return ""
    if name is not None and name.lower().removesuffix(".gz").endswith(".csv"):
        remedy = "Give an A3M; paired rows go into pairedMsa of AlphaFold 3's dialect, their species in the names."
        return field.refuse("alignments paired by the keys of a CSV file are not read.", remedy)
    return attached(draft, (*place, "unpaired_msa"), field, around(folder))


def _add_bond(draft: Draft, field: Field) -> None:
    members = field.members((), ("bond",), _REFUSED_CONSTRAINTS)
    if "bond" not in members:
        return
    ends = members["bond"].members(("atom1", "atom2"))
    if len(ends) == 2:
        i = len(draft.bonds)
        draft.note(("bonds", i), members["bond"])
        draft.bonds.append(read_bond_ends(draft, i, (ends["atom1"], ends["atom2"])))
