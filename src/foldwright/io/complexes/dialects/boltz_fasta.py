"""Boltz' FASTA: `>CHAIN|KIND|MSA`, one job a file, named as the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foldwright.io.complexes.dialects.boltz import read_msa
from foldwright.io.complexes.dialects.headers import header_field, letters_field, parts_of
from foldwright.io.complexes.dialects.parts import DEFAULT_SEED
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import DNA, RNA, Entity, Ligand, Protein
from foldwright.io.fasta import Record

KINDS = ("protein", "dna", "rna", "ccd", "smiles")


def is_boltz_fasta(records: Sequence[Record]) -> bool:
    """Whether the first header has a kind of molecule in second place."""
    parts = parts_of(records[0])
    return len(parts) in (2, 3) and parts[1].lower() in KINDS


def read_boltz_fasta(top: Field, records: Sequence[Record], lines: Sequence[str], folder: Path, name: str) -> Draft:
    """The job of all records."""
    draft = Draft(top)
    draft.name, draft.seeds = name, [DEFAULT_SEED]
    for i, record in enumerate(records):
        header = draft.note(("entities", i), header_field(record, top.faults))
        letters = letters_field(record, lines, top.faults)
        draft.entities.append(_entity(draft, ("entities", i), record, header, letters, folder))
    return draft


def _entity(draft: Draft, place: Place, record: Record, header: Field, letters: Field, folder: Path) -> Entity | None:
    parts = parts_of(record)
    kind = parts[1].lower() if len(parts) in (2, 3) else ""
    if kind not in KINDS:
        return header.refuse("the header is not CHAIN|KIND or CHAIN|KIND|MSA.", f"Kinds are {', '.join(KINDS)}.")
    ids, text = (parts[0],), record.sequence
    if len(parts) == 3 and parts[2] and kind != "protein":
        header.refuse("only a protein takes an alignment here.", "Remove it.")
    match kind:
        case "ccd":
            draft.note((*place, "ccd_codes"), letters)
            return Ligand(ids, (text,))
        case "smiles":
            draft.note((*place, "smiles"), letters)
            return Ligand(ids, smiles=text)
    draft.note((*place, "sequence"), letters)
    if kind == "protein":
        msa = read_msa(draft, place, _named(header, parts[2]), folder) if len(parts) == 3 and parts[2] else None
        return Protein(ids, text, unpaired_msa=msa, paired_msa=None if msa is None else "")
    return DNA(ids, text) if kind == "dna" else RNA(ids, text)


def _named(header: Field, name: str) -> Field:
    return Field(type(header.located)(name, header.located.line, 1), "header", header.faults)
