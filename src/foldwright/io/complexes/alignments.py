"""Whether the alignments given with a job are of its chains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest

from foldwright.chem.components import Component
from foldwright.chem.residues import THREE_TO_ONE
from foldwright.errors import InputError
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.job import RNA, Polymer, Protein
from foldwright.io.fasta import Record, parse_fasta

_LETTERS = re.compile(r"[A-Za-z-]*")
_INSERTIONS = str.maketrans("", "", "abcdefghijklmnopqrstuvwxyz")
_PROTEIN_ALIASES = str.maketrans("BJOUZ", "DXXCE")  # what a row's letter stands for in the network's alphabet
_NUCLEIC = frozenset("ACGU")


def check_alignments(draft: Draft, i: int, entity: Polymer, components: Mapping[str, Component] | None) -> None:
    """Note what is wrong with the alignments of an entity; one of modified residues counts these as their parents."""
    given = {"unpaired_msa": getattr(entity, "unpaired_msa", None), "paired_msa": getattr(entity, "paired_msa", None)}
    for name, text in given.items():
        if text and text.strip():
            _check(draft, ("entities", i, name), text, entity, components)


def _check(draft: Draft, place: Place, text: str, entity: Polymer, components: Mapping[str, Component] | None) -> None:
    try:
        records = parse_fasta(text.split("\n"))
    except InputError as error:
        return _refuse(draft, place, error.line, error.message, error.remedy)
    query = _expected(entity, components)
    for k, record in enumerate(records):
        fault = _fault(record, len(query)) or (_difference(record, query, entity) if k == 0 else None)
        if fault:
            return _refuse(draft, place, record.line, *fault)
    return None


def _fault(record: Record, num_columns: int) -> tuple[str, str] | None:
    match = _LETTERS.match(record.sequence)
    end = match.end() if match else 0
    if end < len(record.sequence):
        message = f'row "{record.name}" holds "{record.sequence[end]}", which is neither a residue nor a gap.'
        return message, "Rows may hold letters, - for a gap and lower case for insertions."
    found = len(record.sequence.translate(_INSERTIONS))
    if found != num_columns:
        message = f'row "{record.name}" has {found} aligned columns, the chain has {num_columns} residues.'
        return message, "Was this alignment made for another sequence?"
    return None


def _difference(record: Record, query: str, entity: Polymer) -> tuple[str, str] | None:
    """Why the first row is not the query; `*` in the query stands for a residue whose parent is not known."""
    row = _encoded(record.sequence.translate(_INSERTIONS), entity)
    at = next((k for k, (a, b) in enumerate(zip_longest(row, query)) if a != b and b != "*"), None)
    if at is None:
        return None
    message = (
        f'the first row "{record.name}" is not the chain: residue {at + 1} is {row[at]}, the chain has {query[at]}.'
    )
    return message, "Put the chain itself first; a modified residue counts as the one it is made from."


def _expected(entity: Polymer, components: Mapping[str, Component] | None) -> str:
    letters = list(_encoded(entity.sequence, entity))
    for modification in entity.modifications:
        if 1 <= modification.position <= len(letters):
            letters[modification.position - 1] = _parent_letter(modification.code, entity, components)
    return "".join(letters)


def _parent_letter(code: str, entity: Polymer, components: Mapping[str, Component] | None) -> str:
    try:
        parent = components[code].parent if components is not None and code in components else None
    except InputError:
        parent = None
    letter = THREE_TO_ONE.get(parent or "") if isinstance(entity, Protein) else parent
    return letter if letter and len(letter) == 1 else "*"


def _encoded(letters: str, entity: Polymer) -> str:
    """Letters as the network tells them apart."""
    if isinstance(entity, RNA):
        return "".join(letter if letter in _NUCLEIC or letter == "-" else "N" for letter in letters)
    return letters.translate(_PROTEIN_ALIASES)


def _refuse(draft: Draft, place: Place, line: int | None, message: str, remedy: str | None) -> None:
    where = f'in "{draft.files[place]}"' if place in draft.files else "in the alignment"
    draft.refuse(place, f"line {line or 1} {where}: {message}", remedy)
