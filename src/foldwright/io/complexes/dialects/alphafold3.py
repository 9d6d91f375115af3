"""AlphaFold 3's own JSON, versions 1 to 4: one job a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foldwright.io.complexes.dialects.parts import attached, is_file, modifications, one_kind, read_ids, read_sequence
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import DNA, RNA, AtomReference, Entity, Ligand, Protein, TemplateMapping

DIALECT = "alphafold3"
VERSIONS = (1, 2, 3, 4)
MAX_SEED = 2**32 - 1

_LONGEST_PATH = 256  # an inline text that is shorter and names a file was meant as a path
_CHAIN = ("id", "sequence")
_JOB = ("name", "modelSeeds", "sequences", "dialect", "version")


def read_alphafold3(top: Field, folder: Path) -> Draft:
    """The job of a file; paths in it are relative to `folder`."""
    draft = Draft(top)
    members = top.members(_JOB, ("bondedAtomPairs", "userCCD", "userCCDPath"))
    _check_dialect(members)
    if "name" in members:
        draft.name = draft.note(("name",), members["name"]).text()
    if "modelSeeds" in members:
        read_seeds(draft, members["modelSeeds"])
    if "sequences" in members:
        field = draft.note(("entities",), members["sequences"])
        for i, item in enumerate(field.items()):
            draft.entities.append(_entity(draft, i, item, folder))
    for i, item in enumerate(members["bondedAtomPairs"].items() if "bondedAtomPairs" in members else ()):
        draft.bonds.append(read_bond(draft, i, item))
    draft.user_ccd = _inline_or_file(draft, ("user_ccd",), members, "userCCD", folder) or None
    return draft


def read_seeds(draft: Draft, field: Field, is_text_right: bool = False) -> None:
    """The seeds, each 0 to 2^32 - 1."""
    for i, item in enumerate(draft.note(("seeds",), field).items()):
        seed = draft.note(("seeds", i), item).whole(0, MAX_SEED, is_text_right)
        draft.seeds += [seed] if seed is not None else []


def read_bond(draft: Draft, i: int, field: Field) -> tuple[AtomReference, AtomReference] | None:
    """Two atoms, each [chain, residue, atom]."""
    ends = draft.note(("bonds", i), field).items("a list of two atoms")
    if len(ends) != 2:
        return field.refuse(f"a bond has two atoms, not {len(ends)}.", 'Write [["A", 1, "SG"], ["B", 1, "C1"]].')
    return read_bond_ends(draft, i, ends)


def read_bond_ends(draft: Draft, i: int, ends: Sequence[Field]) -> tuple[AtomReference, AtomReference] | None:
    """The two atoms of bond `i`."""
    first, second = (_atom(draft.note(("bonds", i, end), item)) for end, item in enumerate(ends))
    return (first, second) if first and second else None


def _atom(field: Field) -> AtomReference | None:
    parts = field.items("a list of chain, residue and atom")
    if len(parts) != 3:
        return field.refuse("an atom is [chain, residue, atom].", 'Write for example ["A", 12, "SG"].')
    chain, residue, atom = parts[0].text(), parts[1].whole(1), parts[2].text()
    return AtomReference(chain, residue, atom) if chain and residue and atom else None


def _check_dialect(members: dict[str, Field]) -> None:
    if "dialect" in members and members["dialect"].text() not in (DIALECT, None):
        members["dialect"].refuse("this dialect is not known.", f'Write "dialect": "{DIALECT}".')
    if "version" in members and members["version"].whole() not in (*VERSIONS, None):
        members["version"].refuse("there is no such version.", "Write 1, 2, 3 or 4.")


def _entity(draft: Draft, i: int, field: Field, folder: Path) -> Entity | None:
    place = ("entities", i)
    draft.note(place, field)
    kind, content = one_kind(field, _READERS)
    return _READERS[kind](draft, place, content, folder) if content else None


def _protein(draft: Draft, place: Place, field: Field, folder: Path) -> Protein | None:
    msas = ("unpairedMsa", "unpairedMsaPath", "pairedMsa", "pairedMsaPath")
    members = field.members(_CHAIN, ("modifications", "description", *msas, "templates"))
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ptmType", "ptmPosition")
    unpaired = _inline_or_file(draft, (*place, "unpaired_msa"), members, "unpairedMsa", folder)
    paired = _inline_or_file(draft, (*place, "paired_msa"), members, "pairedMsa", folder)
    if (unpaired is None) != (paired is None):
        given = "unpairedMsa" if paired is None else "pairedMsa"
        remedy = 'Set both, one of them "" for none, or leave both out to have them searched.'
        (members.get(given) or field).refuse("unpairedMsa and pairedMsa are given together or not at all.", remedy)
    templates = _templates(draft, place, members.get("templates"), folder)
    if ids is None or sequence is None:
        return None
    return Protein(ids, sequence, residues, unpaired, paired, templates, _description(members))


def _rna(draft: Draft, place: Place, field: Field, folder: Path) -> RNA | None:
    members = field.members(_CHAIN, ("modifications", "description", "unpairedMsa", "unpairedMsaPath"))
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "modificationType", "basePosition")
    unpaired = _inline_or_file(draft, (*place, "unpaired_msa"), members, "unpairedMsa", folder)
    if ids is None or sequence is None:
        return None
    return RNA(ids, sequence, residues, unpaired, _description(members))


def _dna(draft: Draft, place: Place, field: Field, folder: Path) -> DNA | None:
    members = field.members(_CHAIN, ("modifications", "description"))
    ids, sequence = read_ids(draft, place, members), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "modificationType", "basePosition")
    return DNA(ids, sequence, residues, _description(members)) if ids is not None and sequence is not None else None


def _ligand(draft: Draft, place: Place, field: Field, folder: Path) -> Ligand | None:
    members = field.members(("id",), ("ccdCodes", "smiles", "description"))
    ids = read_ids(draft, place, members)
    if ("ccdCodes" in members) == ("smiles" in members):
        return field.refuse("a ligand is given by ccdCodes or by smiles.", "Give one of them.")
    smiles = draft.note((*place, "smiles"), members["smiles"]).text() if "smiles" in members else None
    items = draft.note((*place, "ccd_codes"), members["ccdCodes"]).items() if "ccdCodes" in members else ()
    codes = [draft.note((*place, "ccd_codes", i), item).text() for i, item in enumerate(items)]
    if ids is None or None in codes or (smiles is None and "smiles" in members):
        return None
    return Ligand(ids, tuple(code for code in codes if code is not None), smiles, _description(members))


_READERS: dict[str, Callable[[Draft, Place, Field, Path], Entity | None]] = {
    "protein": _protein,
    "rna": _rna,
    "dna": _dna,
    "ligand": _ligand,
}


def _description(members: dict[str, Field]) -> str | None:
    return members["description"].text() if "description" in members else None


def _templates(draft: Draft, place: Place, field: Field | None, folder: Path) -> tuple[TemplateMapping, ...] | None:
    if field is None:
        return None
    found = []
    for i, item in enumerate(field.items()):
        own = (*place, "templates", i)
        members = draft.note(own, item).members(("queryIndices",), ("mmcif", "mmcifPath", "templateIndices"))
        mmcif = _inline_or_file(draft, (*own, "mmcif"), members, "mmcif", folder)
        if mmcif is None and not {"mmcif", "mmcifPath"} & members.keys():
            item.refuse('"mmcif" or "mmcifPath" is missing.', "Give the structure of the template.")
        query, template = (
            _indices(draft, (*own, name), members.get(key))
            for name, key in (("query_indices", "queryIndices"), ("template_indices", "templateIndices"))
        )
        if mmcif is not None and query is not None and template is not None:
            found.append(TemplateMapping(mmcif, query, template))
    return tuple(found)


def _indices(draft: Draft, place: Place, field: Field | None) -> tuple[int, ...] | None:
    items = draft.note(place, field).items() if field else ()
    numbers = [item.whole(0) for item in items]
    return tuple(number for number in numbers if number is not None) if None not in numbers else None


def _inline_or_file(draft: Draft, place: Place, members: dict[str, Field], key: str, folder: Path) -> str | None:
    """The text of `key`, or of the file that `keyPath` names."""
    inline, path = members.get(key), members.get(f"{key}Path")
    if path and path.value == "":
        path = None
    if path and inline and inline.value:
        return path.refuse(f"{key} and {key}Path are both given.", "Give one of them.")
    if path:
        return attached(draft, place, path, (folder,))
    if inline is None:
        return None
    text = draft.note(place, inline).text()
    if text and len(text) < _LONGEST_PATH and "\n" not in text and is_file(folder / text):
        return inline.refuse(f'"{text}" is a file; {key} holds the text itself.', f"Name a file in {key}Path.")
    return text
