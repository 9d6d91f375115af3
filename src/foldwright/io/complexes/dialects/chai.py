"""Chai's FASTA, `>KIND|name`, one job a file, with its table of restraints, of which bonds can be honoured."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from foldwright.io.complexes.dialects.headers import header_field, letters_field, lines_below, parts_of
from foldwright.io.complexes.dialects.parts import DEFAULT_SEED
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Faults, Field
from foldwright.io.complexes.job import DNA, RNA, AtomReference, Entity, Ligand, Modification, Protein
from foldwright.io.complexes.positions import Located
from foldwright.io.fasta import Record
from foldwright.io.job import chain_id

KINDS = ("protein", "dna", "rna", "ligand", "glycan")
RESTRAINTS = ".restraints"

_RESIDUES = re.compile(r"\(([^()]*)\)|(.)")  # RKDES(MSE)EES
_SUGAR = re.compile(r"\s*([A-Za-z0-9]+)\s*")
_LINK = re.compile(r"\s*([0-9]+)-([0-9]+)\s+")
_ATOM = re.compile(r"(?:([A-Z])?([0-9]{1,6}))?@(\S+)")  # N437@ND2, @C1
_COLUMNS = ("chainA", "res_idxA", "chainB", "res_idxB", "connection_type")
_PARENTS = {"protein": "X", "dna": "N", "rna": "N"}


def is_chai(records: Sequence[Record]) -> bool:
    """Whether the first header begins with a kind of molecule."""
    parts = parts_of(records[0])
    return len(parts) >= 2 and parts[0].lower() in KINDS


def read_chai(
    top: Field,
    records: Sequence[Record],
    lines: Sequence[str],
    name: str,
    restraints: tuple[Path, Sequence[str]] | None,
) -> Draft:
    """The job of all records; chains are A, B, ... in their order. `restraints`: a file and its lines."""
    draft = Draft(top)
    draft.name, draft.seeds = name, [DEFAULT_SEED]
    for i, record in enumerate(records):
        header = draft.note(("entities", i), header_field(record, top.faults))
        letters = letters_field(record, lines, top.faults)
        draft.entities.append(_entity(draft, i, record, header, letters, " ".join(lines_below(record, lines))))
    if restraints:
        _read_restraints(draft, *restraints)
    return draft


def _entity(draft: Draft, i: int, record: Record, header: Field, letters: Field, text: str) -> Entity | None:
    parts, place, ids = parts_of(record), ("entities", i), (chain_id(i),)
    kind = parts[0].lower()
    if kind not in KINDS or len(parts) < 2:
        return header.refuse("the header is not KIND|name.", f"Kinds are {', '.join(KINDS)}.")
    described = "|".join(parts[1:]).removeprefix("name=") or None
    if kind == "ligand":
        draft.note((*place, "smiles"), letters)
        return Ligand(ids, smiles=record.sequence, description=described)
    if kind == "glycan":
        draft.note((*place, "ccd_codes"), letters)
        return _glycan(draft, ids[0], text, letters, described)
    sequence, residues = _residues(draft, place, record, letters, _PARENTS[kind])
    match kind:
        case "protein":
            return Protein(ids, sequence, residues, description=described)
        case "dna":
            return DNA(ids, sequence, residues, description=described)
        case _:
            return RNA(ids, sequence, residues, description=described)


def _residues(
    draft: Draft, place: Place, record: Record, letters: Field, unknown: str
) -> tuple[str, tuple[Modification, ...]]:
    """One letter for each residue, and which are components; the letter of such a one is not known."""
    matches = list(_RESIDUES.finditer(record.sequence))
    modified = tuple(Modification(found[1], k) for k, found in enumerate(matches, 1) if found[1] is not None)
    located = letters.located
    if modified:  # letters and columns no longer run together
        located = Located(located.value, located.line, located.column)
        letters = Field(located, letters.path, letters.faults)
    draft.note((*place, "sequence"), letters)
    return "".join(found[2] or unknown for found in matches), modified


def _glycan(draft: Draft, chain: str, text: str, field: Field, described: str | None) -> Ligand | None:
    """NAG(4-1 NAG(4-1 BMA)): a sugar, and in brackets what hangs on it: from its O4 to C1 of the next."""
    codes: list[str] = []
    ends = _sugars(text, codes)
    if ends is None:
        remedy = "Write for example NAG(4-1 NAG(4-1 BMA(3-1 MAN)(6-1 MAN)))."
        return field.refuse(f'"{text[:60]}" is no glycan.', remedy)
    for parent, oxygen, child, carbon in ends:
        draft.note(("bonds", len(draft.bonds)), field)
        draft.bonds.append((AtomReference(chain, parent, f"O{oxygen}"), AtomReference(chain, child, f"C{carbon}")))
    return Ligand((chain,), tuple(codes), description=described)


def _sugars(text: str, codes: list[str]) -> list[tuple[int, int, int, int]] | None:
    """Bonds as (parent, its oxygen, child, its carbon); fills the codes in their order; None where it is no glycan."""
    bonds, parents = [], []
    at, link = 0, None
    while True:
        sugar = _SUGAR.match(text, at)
        if not sugar:
            return None
        codes.append(sugar[1])
        if link:
            bonds.append((parents[-1], int(link[1]), len(codes), int(link[2])))
        parents.append(len(codes))
        at = sugar.end()
        while text[at : at + 1] == ")" and len(parents) > 1:
            parents.pop()
            at += 1 + len(text[at + 1 :]) - len(text[at + 1 :].lstrip())
        if at == len(text):
            return bonds if len(parents) == 1 else None
        link = _LINK.match(text, at + 1) if text[at] == "(" else None
        if not link:
            return None
        at = link.end()


def _read_restraints(draft: Draft, file: Path, lines: Sequence[str]) -> None:
    """Bonds of the table; a contact or a pocket is refused."""
    faults = Faults(file, draft.faults.found)
    rows = csv.reader(lines)
    titles = [title.strip() for title in next(_rows(rows), [])]
    top = Field(Located(None, 1, 1), "", faults)
    missing = [title for title in _COLUMNS if title not in titles]
    if missing:
        return top.refuse(
            f"the restraints have no column {missing[0]}.", f"The first line names {', '.join(_COLUMNS)}."
        )
    for row in _rows(rows):
        cells = dict(zip(titles, map(str.strip, row), strict=False))
        if any(cells.values()):
            field = Field(Located(None, rows.line_num, 1), "connection_type", faults)
            _add_bond(draft, cells, field)
    return None


def _rows(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """The rows up to one that is no CSV."""
    try:
        yield from rows
    except csv.Error:
        return


def _add_bond(draft: Draft, cells: dict[str, str], field: Field) -> None:
    kind = cells.get("connection_type", "")
    if kind != "covalent":
        message = f'a restraint of kind "{kind}" cannot be honoured: AlphaFold 3 takes bonds only.'
        return field.refuse(message, "Remove it, or use a program that honours it.")
    ends = [_end(draft, cells.get(f"chain{side}", ""), cells.get(f"res_idx{side}", ""), field) for side in "AB"]
    if ends[0] and ends[1]:
        draft.note(("bonds", len(draft.bonds)), Field(field.located, "res_idxA, res_idxB", field.faults))
        draft.bonds.append((ends[0], ends[1]))
    return None


def _end(draft: Draft, chain: str, residue: str, field: Field) -> AtomReference | None:
    match = _ATOM.fullmatch(residue)
    if not match:
        return field.refuse(f'"{residue}" names no atom.', "Write N437@ND2 for a residue of a chain, @C1 for a ligand.")
    letter, number, atom = match[1], int(match[2] or 1), match[3]
    entity = next((entity for entity in draft.entities if entity and chain in entity.ids), None)
    sequence = "" if entity is None or isinstance(entity, Ligand) else entity.sequence
    if letter and 1 <= number <= len(sequence) and sequence[number - 1] != letter:
        message = f"residue {number} of chain {chain} is {sequence[number - 1]}, not {letter}."
        return field.refuse(message, "Residues count from 1.")
    return AtomReference(chain, number, atom)
