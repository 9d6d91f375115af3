"""Protenix' JSON: the server's list of jobs with ids, alignments in files, SMILES and covalent bonds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

from foldwright.io.complexes.dialects.alphafold3 import read_seeds
from foldwright.io.complexes.dialects.parts import (
    CCD_PREFIX,
    DEFAULT_SEED,
    around,
    attached,
    copies,
    is_file,
    modifications,
    one_kind,
    read_sequence,
    server_ids,
)
from foldwright.io.complexes.dialects.server import bases
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import DNA, RNA, AtomReference, Entity, Ligand, Protein
from foldwright.io.complexes.positions import Located, Members

_JOB_KEYS = {"covalent_bonds", "constraint", "assembly_id", "epitopes"}
_ENTITY_KEYS = {"id", "msa", "pairedMsaPath", "unpairedMsaPath", "templatesPath"}
_CHAIN = ("count", "id", "modifications")
_FILE_PREFIX = "FILE_"
_SIDES = (("1", "2"), ("left", "right"))  # the names of today, and those that are still read
_REFUSED = {
    "constraint": "AlphaFold 3 takes no contact or pocket constraints.",
    "epitopes": "AlphaFold 3 takes no constraints of an epitope.",
}
_REFUSED_OF_CHAIN = {
    "templatesPath": "hits of a template search are no templates yet; AlphaFold 3's dialect takes structures with"
    " indices, and the search finds hits itself.",
}


def is_protenix(top: Field) -> bool:
    """Whether a list of jobs holds what only Protenix writes."""
    return any(_is_protenix(job) for job in top.value) if isinstance(top.value, tuple) else False


def read_protenix(top: Field, folder: Path) -> list[Draft]:
    """The jobs of the list; paths in it are relative to `folder`, or to a folder above it."""
    return [_job(item.apart(), folder) for item in top.items("a list of jobs")]


def _is_protenix(job: Located) -> bool:
    entities = _member(job, "sequences")
    contents = [pair[1] for each in _tuple(entities) for pair in _pairs(each)]
    ligands = [_member(content, "ligand") for content in contents]
    by_text = any(each and isinstance(each.value, str) and not each.value.startswith(CCD_PREFIX) for each in ligands)
    keys = {key.value for content in contents for key, _ in _pairs(content)}
    return bool(_JOB_KEYS & {key.value for key, _ in _pairs(job)} or _ENTITY_KEYS & keys or by_text)


def _pairs(located: Located | None) -> tuple[tuple[Located, Located], ...]:
    return located.value.pairs if located and isinstance(located.value, Members) else ()


def _tuple(located: Located | None) -> tuple[Located, ...]:
    return located.value if located and isinstance(located.value, tuple) else ()


def _member(located: Located | None, name: str) -> Located | None:
    return next((value for key, value in _pairs(located) if key.value == name), None)


def _job(top: Field, folder: Path) -> Draft:
    draft = Draft(top)
    optional = ("modelSeeds", "covalent_bonds", "assembly_id")  # the last says of what the job is a copy: no effect
    members = top.members(("name", "sequences"), optional, _REFUSED)
    if "name" in members:
        draft.name = draft.note(("name",), members["name"]).text()
    if "modelSeeds" in members:
        read_seeds(draft, members["modelSeeds"], is_text_right=True)
        draft.fields.pop(("seeds",))  # an empty list is right here
    draft.seeds = draft.seeds or [DEFAULT_SEED]
    if "sequences" in members:
        items = draft.note(("entities",), members["sequences"]).items()
        ids = _free_ids(items)
        for i, item in enumerate(items):
            draft.entities.append(_entity(draft, ("entities", i), item, ids, folder))
    for item in members["covalent_bonds"].items() if "covalent_bonds" in members else ():
        _add_bonds(draft, item)
    return draft


def _free_ids(items: tuple[Field, ...]) -> Iterator[str]:
    """Ids for entities that name none, past those that others name."""
    lists = [_member(content, "id") for item in items for _, content in _pairs(item.located)]
    named = {each.value for field in lists if field for each in (_tuple(field) or (field,))}
    return (name for name in server_ids() if name not in named)


def _entity(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> Entity | None:
    kind, content = one_kind(draft.note(place, field), _READERS)
    return _READERS[kind](draft, place, content, ids, folder) if content else None


def _protein(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> Protein | None:
    files = ("msa", "pairedMsaPath", "unpairedMsaPath")
    members = field.members(("sequence",), (*_CHAIN, *files), _REFUSED_OF_CHAIN)
    names, sequence = _ids(draft, place, members, ids), read_sequence(draft, place, members)
    residues = modifications(draft, place, members.get("modifications"), "ptmType", "ptmPosition", has_prefix=True)
    msas = {"unpaired_msa": members.get("unpairedMsaPath"), "paired_msa": members.get("pairedMsaPath")}
    texts = {name: attached(draft, (*place, name), path, around(folder)) for name, path in msas.items() if path}
    if "msa" in members:
        texts = _in_folder(draft, place, members["msa"], folder) | texts
    if texts:  # what is not given beside what is, is none
        texts = {"unpaired_msa": "", "paired_msa": ""} | texts
    if sequence is None:
        return None
    return Protein(names, sequence, residues, texts.get("unpaired_msa"), texts.get("paired_msa"))


def _in_folder(draft: Draft, place: Place, field: Field, folder: Path) -> dict[str, str | None]:
    """The alignments of `precomputed_msa_dir`: pairing.a3m and non_pairing.a3m, one of which may be missing."""
    members = field.members((), ("precomputed_msa_dir", "pairing_db"))
    path = members.get("precomputed_msa_dir")
    name = path.text("the name of a folder") if path else None
    if path is None or name is None:
        return {}
    texts: dict[str, str | None] = {}
    for part, file in (("unpaired_msa", "non_pairing.a3m"), ("paired_msa", "pairing.a3m")):
        if any(is_file(base / name / file) for base in around(folder)):
            texts[part] = attached(draft, (*place, part), path, around(folder), f"{name}/{file}")
    if not texts:
        path.refuse(
            f'there is neither non_pairing.a3m nor pairing.a3m in "{name}".', "Give the folder of the alignments."
        )
    return texts


def _rna(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> RNA | None:
    members = field.members(("sequence",), (*_CHAIN, "unpairedMsaPath"))
    names, sequence = _ids(draft, place, members, ids), read_sequence(draft, place, members)
    path = members.get("unpairedMsaPath")
    msa = attached(draft, (*place, "unpaired_msa"), path, around(folder)) if path else None
    return RNA(names, sequence, bases(draft, place, members), msa) if sequence is not None else None


def _dna(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> DNA | None:
    members = field.members(("sequence",), _CHAIN)
    names, sequence = _ids(draft, place, members, ids), read_sequence(draft, place, members)
    return DNA(names, sequence, bases(draft, place, members)) if sequence is not None else None


def _ligand(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> Ligand | None:
    members = field.members(("ligand",), ("count", "id"))
    names = _ids(draft, place, members, ids)
    text = members["ligand"].text() if "ligand" in members else None
    if text is None:
        return None
    if text.startswith(_FILE_PREFIX):
        remedy = "Give it as SMILES, or as an entry of userCCD in AlphaFold 3's dialect."
        return members["ligand"].refuse("a ligand from a structure file is not read.", remedy)
    if not text.startswith(CCD_PREFIX):
        draft.note((*place, "smiles"), members["ligand"])
        return Ligand(names, smiles=text)
    draft.note((*place, "ccd_codes"), members["ligand"])
    return Ligand(names, tuple(text.removeprefix(CCD_PREFIX).split("_")))


def _ion(draft: Draft, place: Place, field: Field, ids: Iterator[str], folder: Path) -> Ligand | None:
    members = field.members(("ion",), ("count", "id"))
    names = _ids(draft, place, members, ids)
    code = draft.note((*place, "ccd_codes"), members["ion"]).text() if "ion" in members else None
    return Ligand(names, (code.removeprefix(CCD_PREFIX),)) if code is not None else None


_READERS: dict[str, Callable[[Draft, Place, Field, Iterator[str], Path], Entity | None]] = {
    "proteinChain": _protein,
    "rnaSequence": _rna,
    "dnaSequence": _dna,
    "ligand": _ligand,
    "ion": _ion,
}


def _ids(draft: Draft, place: Place, members: dict[str, Field], ids: Iterator[str]) -> tuple[str, ...]:
    number = copies(members.get("count"))
    if "id" not in members:
        return tuple(next(ids) for _ in range(number))
    field = draft.note((*place, "ids"), members["id"])
    items = field.items("a list of ids") if not isinstance(field.value, str) else (field,)
    names = [draft.note((*place, "ids", i), item).text() for i, item in enumerate(items)]
    if len(names) != number:
        field.refuse(f"{len(names)} ids are given for {number} copies.", "Name every copy.")
    return tuple(name for name in names if name is not None)


def _add_bonds(draft: Draft, field: Field) -> None:
    """A bond of two atoms; without copies one between each two copies of the same number."""
    sides = next((sides for sides in _SIDES if _key("entity", sides[0]) in field.names()), _SIDES[0])
    required = [_key(part, side) for part, side in product(("entity", "position", "atom"), sides)]
    optional = [_key("copy", side) for side in sides]
    members = field.members(required, optional)
    if not set(required) <= members.keys():
        return
    if len(members.keys() & set(optional)) == 1:
        return field.refuse("one copy is named, the other is not.", f"Give both {' and '.join(optional)}, or neither.")
    ends = [_atoms(draft, members, side) for side in sides]
    if ends[0] is None or ends[1] is None:
        return
    if len(ends[0]) != len(ends[1]):
        message = f"the entities have {len(ends[0])} and {len(ends[1])} copies."
        return field.refuse(message, "Name the copies of both that are bonded.")
    for pair in zip(*ends, strict=True):
        draft.note(("bonds", len(draft.bonds)), field)
        draft.bonds.append(pair)


def _key(part: str, side: str) -> str:
    return f"{part}{side}" if side.isdigit() else f"{side}_{part}"


def _atoms(draft: Draft, members: dict[str, Field], side: str) -> list[AtomReference] | None:
    """The atom in every copy, or in the copy that is named; None where that cannot be told."""
    entity_field, copy_field = members[_key("entity", side)], members.get(_key("copy", side))
    number = entity_field.whole(1, is_text_right=True)
    residue = members[_key("position", side)].whole(1, is_text_right=True)
    atom_field = members[_key("atom", side)]
    atom = str(atom_field.value) if isinstance(atom_field.value, int) else atom_field.text()
    copy = copy_field.whole(1, is_text_right=True) if copy_field else None
    if number is None or residue is None or atom is None or (copy_field and copy is None):
        return None
    if number > len(draft.entities):
        return entity_field.refuse(f"there is no entity {number}.", "Entities count from 1, in the order of the list.")
    entity = draft.entities[number - 1]
    if entity is None:
        return None
    if copy is not None and copy_field and copy > len(entity.ids):
        return copy_field.refuse(f"entity {number} has {len(entity.ids)} copies.", "Copies count from 1.")
    names = entity.ids if copy is None else (entity.ids[copy - 1],)
    return [AtomReference(name, residue, atom) for name in names]
