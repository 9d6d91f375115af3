"""AlphaFold Server's JSON: a list of jobs whose entities are counted, not named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from foldwright.io.complexes.dialects.alphafold3 import read_seeds
from foldwright.io.complexes.dialects.parts import (
    CCD_PREFIX,
    DEFAULT_SEED,
    copies,
    modifications,
    one_kind,
    read_sequence,
    server_ids,
)
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import DNA, RNA, Entity, Ligand, Protein

DIALECT = "alphafoldserver"

_JOB = ("modelSeeds", "dialect", "version")
_REFUSED = {
    "glycans": "glycans of the server's notation are not read; in AlphaFold 3's dialect a glycan is a ligand of"
    " several ccdCodes with bondedAtomPairs.",
    "maxTemplateDate": "the date up to which templates count is no part of a job here; it is an option of the search.",
}


def read_server(top: Field) -> list[Draft]:
    """The jobs of the list. Without seeds a job has seed 1, where the server would draw one."""
    return [_job(item.apart()) for item in top.items("a list of jobs")]


def _job(top: Field) -> Draft:
    draft = Draft(top)
    members = top.members(("name", "sequences"), _JOB)
    _check_dialect(top, members)
    if "name" in members:
        draft.name = draft.note(("name",), members["name"]).text()
    if "modelSeeds" in members:
        read_seeds(draft, members["modelSeeds"], is_text_right=True)
        draft.fields.pop(("seeds",))  # an empty list is right here
    draft.seeds = draft.seeds or [DEFAULT_SEED]
    if "sequences" in members:
        ids = server_ids()
        for i, item in enumerate(draft.note(("entities",), members["sequences"]).items()):
            draft.entities.append(_entity(draft, ("entities", i), item, ids))
    return draft


def _check_dialect(top: Field, members: dict[str, Field]) -> None:
    given = {"dialect", "version"} & members.keys()
    if len(given) == 1:
        top.refuse(
            "dialect and version are given together or not at all.", f'Write "dialect": "{DIALECT}", "version": 1.'
        )
    if "dialect" in members and members["dialect"].text() not in (DIALECT, None):
        members["dialect"].refuse("a list holds jobs of AlphaFold Server.", f'Write "dialect": "{DIALECT}".')
    if "version" in members and members["version"].whole() not in (1, None):
        members["version"].refuse("there is no such version.", "Write 1.")


def _entity(draft: Draft, place: Place, field: Field, ids: Iterator[str]) -> Entity | None:
    kind, content = one_kind(draft.note(place, field), _READERS)
    return _READERS[kind](draft, place, content, ids) if content else None


def _protein(draft: Draft, place: Place, field: Field, ids: Iterator[str]) -> Protein | None:
    members = field.members(("sequence",), ("count", "modifications", "useStructureTemplate"), _REFUSED)
    names, sequence = taken(members, ids), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ptmType", "ptmPosition", has_prefix=True)
    with_templates = members["useStructureTemplate"].truth() if "useStructureTemplate" in members else True
    return (
        Protein(names, sequence, residues, templates=None if with_templates else ()) if sequence is not None else None
    )


def _rna(draft: Draft, place: Place, field: Field, ids: Iterator[str]) -> RNA | None:
    members = field.members(("sequence",), ("count", "modifications"))
    names, sequence = taken(members, ids), read_sequence(draft, place, members)
    return RNA(names, sequence, bases(draft, place, members)) if sequence is not None else None


def _dna(draft: Draft, place: Place, field: Field, ids: Iterator[str]) -> DNA | None:
    members = field.members(("sequence",), ("count", "modifications"))
    names, sequence = taken(members, ids), read_sequence(draft, place, members)
    return DNA(names, sequence, bases(draft, place, members)) if sequence is not None else None


def _ligand(draft: Draft, place: Place, field: Field, ids: Iterator[str]) -> Ligand | None:
    key = "ion" if "ion" in field.names() else "ligand"
    members = field.members((key,), ("count",))
    names = taken(members, ids)
    code = draft.note((*place, "ccd_codes", 0), members[key]).text() if key in members else None
    return Ligand(names, (code.removeprefix(CCD_PREFIX),)) if code is not None else None


_READERS: dict[str, Callable[[Draft, Place, Field, Iterator[str]], Entity | None]] = {
    "proteinChain": _protein,
    "rnaSequence": _rna,
    "dnaSequence": _dna,
    "ligand": _ligand,
    "ion": _ligand,
}


def taken(members: dict[str, Field], ids: Iterator[str]) -> tuple[str, ...]:
    """The next ids, one for each copy."""
    return tuple(islice(ids, copies(members.get("count"))))


def bases(draft: Draft, place: Place, members: dict[str, Field]):
    """The modified bases of a nucleic acid."""
    field = members.get("modifications")
    return modifications(draft, place, field, "modificationType", "basePosition", has_prefix=True)
