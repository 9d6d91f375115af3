"""Plain FASTA: one job a record, `SEQ:SEQ` a complex; proteins, and RNA or DNA where that is beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foldwright.io.complexes.dialects.headers import header_field, letters_field
from foldwright.io.complexes.dialects.parts import DEFAULT_SEED
from foldwright.io.complexes.draft import Draft
from foldwright.io.complexes.fields import Faults, Field
from foldwright.io.complexes.job import DNA, RNA, Entity, Protein
from foldwright.io.complexes.positions import Located
from foldwright.io.fasta import Record
from foldwright.io.job import chain_id, safe_name

_NUCLEIC = frozenset("ACGTUN")
_SAID = re.compile(r"\b(DNA|RNA|protein)\b\s*(?:\(|$|\|)", re.IGNORECASE)  # as the PDB has it: `|DNA (5'-...`


def read_plain_fasta(records: Sequence[Record], lines: Sequence[str], top: Field, name: str) -> list[Draft]:
    """A job for each record; the only one may be named as the file."""
    return [_job(record, lines, top.apart(), name if len(records) == 1 else "") for record in records]


def _job(record: Record, lines: Sequence[str], top: Field, name: str) -> Draft:
    header = header_field(record, top.faults)
    draft = Draft(header)
    draft.name, draft.seeds = safe_name(record.name) or name, [DEFAULT_SEED]
    if not draft.name:
        header.refuse("the record has no name.", "Give every record a name; it names the output folder.")
    letters = letters_field(record, lines, top.faults)
    said = _SAID.search(record.description)
    offset = 0
    for i, sequence in enumerate(record.sequence.split(":")):
        draft.note(("entities", i, "sequence"), _part(letters, sequence, offset))
        draft.entities.append(_chain(chain_id(i), sequence, said[1].lower() if said else "", letters))
        offset += len(sequence) + 1
    return draft


def _part(letters: Field, sequence: str, offset: int) -> Field:
    line, column = letters.located.place(offset)
    is_one_line = letters.located.place(offset + len(sequence) - 1)[0] == line
    shift = 0 if letters.located.shift is not None and is_one_line else None
    return Field(
        Located(sequence, line, column, shift), letters.path, Faults(letters.faults.file, letters.faults.found)
    )


def _chain(name: str, sequence: str, said: str, letters: Field) -> Entity | None:
    if said == "dna":
        return DNA((name,), sequence)
    if said == "rna" or (sequence and "U" in sequence and _NUCLEIC.issuperset(sequence)):
        return RNA((name,), sequence)
    if said != "protein" and len(sequence) > 1 and _NUCLEIC.issuperset(sequence):
        remedy = "Begin the header with its kind: >dna|name, >rna|name or >protein|name."
        return letters.refuse(f'"{sequence[:20]}" may be DNA or a protein.', remedy)
    return Protein((name,), sequence)
