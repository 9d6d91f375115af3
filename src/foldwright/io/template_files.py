"""Structures that a person wants as templates: files, folders of them, or a JSON list that says what lies over what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.job import Job, TemplateInput
from foldwright.io.structure_files import SUFFIXES
from foldwright.io.text import read_lines, stem, suffix

_FILE, _CHAIN, _FOR = ("mmcifPath", "file"), "chain", "id"
_QUERY, _TEMPLATE = "queryIndices", "templateIndices"
_KNOWN = (*_FILE, _CHAIN, _FOR, _QUERY, _TEMPLATE)


@dataclass(frozen=True)
class GivenTemplate:
    """A template and the chains of a job that it is for, by their letters; None is every chain that it resembles."""

    template: TemplateInput
    chains: tuple[str, ...] | None = None
    source: Path | None = None


def read_templates(path: str | Path) -> list[GivenTemplate]:
    """The templates that a path stands for.

    path  an mmCIF or PDB file; one with a chain, `1abc.cif:B`; a folder of such files; or a JSON list with the fields
          of AlphaFold 3 (`mmcifPath`, `queryIndices`, `templateIndices`, counted from 0), and if wanted `chain` (of the
          file, by the author's name) and `id` (chain or chains of the job)

    Raises InputError if there is no such file, or the list is faulty.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if suffix(path) == ".json":
        return list(_of_json(path))
    file, chain = (path, None) if path.exists() else _with_chain(path)
    return [GivenTemplate(template_of_file(file, chain))]


def template_of_file(file: Path, chain: str | None = None) -> TemplateInput:
    """A structure file as a template. Raises InputError if there is none."""
    if not file.is_file():
        remedy = "Give an mmCIF or PDB file, a folder of them, or a JSON list."
        raise InputError("no such file.", file=file, field="--templates", remedy=remedy)
    if suffix(file) not in SUFFIXES:
        remedy = f"Give a file that ends in {', '.join(SUFFIXES)}, or one of these with .gz."
        raise InputError("this is no kind of structure file we know.", file=file, field="--templates", remedy=remedy)
    return TemplateInput(file, chain, name=f"{stem(file)}_{chain}" if chain else stem(file))


def with_templates(job: Job, given: Sequence[GivenTemplate]) -> Job:
    """The job with these templates after those it has.

    Raises InputError if one is for a chain that the job has not, or its map fits not the chain's sequence.
    """
    chains = dict(zip(job.chain_ids, job.chains, strict=True))
    for item in given:
        for name in _wanted(item, job):
            _check_map(item, name, chains[name].sequence)
            chains[name] = replace(chains[name], templates=(*chains[name].templates, item.template))
    return replace(job, chains=tuple(chains.values()))


def _of_folder(folder: Path) -> list[GivenTemplate]:
    files = [file for file in sorted(folder.iterdir()) if suffix(file) in SUFFIXES and not file.name.startswith(".")]
    if not files:
        remedy = f"Put structure files there ({', '.join(SUFFIXES)}), or name the files themselves."
        raise InputError("no structure file is in this folder.", file=folder, field="--templates", remedy=remedy)
    return [GivenTemplate(template_of_file(file)) for file in files]


def _with_chain(path: Path) -> tuple[Path, str | None]:
    """`1abc.cif:B` taken apart, if there is such a file."""
    name, _, chain = path.name.rpartition(":")
    file = path.with_name(name) if name and chain else path
    return (file, chain) if file.is_file() else (path, None)


def _of_json(path: Path) -> Iterator[GivenTemplate]:
    text = "\n".join(read_lines(path))
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        remedy = "Give a list of templates as in AlphaFold 3's input."
        raise InputError(f"this is no JSON: {error.msg}.", file=path, line=error.lineno, remedy=remedy) from None
    if isinstance(content, Mapping):
        content = content.get("templates", [content])
    for number, item in enumerate(content if isinstance(content, list) else [None]):
        yield _Entry(path, f"templates[{number}]", item).read()


@dataclass(frozen=True)
class _Entry:
    """One item of a JSON list; errors name the file and the place."""

    path: Path
    place: str
    item: Any

    def read(self) -> GivenTemplate:
        if not isinstance(self.item, Mapping):
            raise self.error("this is no template.", "Write an object with the fields mmcifPath, queryIndices, ...")
        if self.item.get("mmcif"):
            raise self.error("the structure stands in the list.", "Write it to a file and name that as mmcifPath.")
        unknown = [name for name in self.item if name not in (*_KNOWN, "mmcif")]
        if unknown:
            raise self.error(f'"{unknown[0]}" is not known.', f"The fields are {', '.join(_KNOWN)}.")
        chain = self.text(_CHAIN)
        template = template_of_file(self.file(), chain)
        return GivenTemplate(replace(template, mapping=self.mapping()), self.chains(), self.path)

    def file(self) -> Path:
        """As the list names it, from the list's own folder."""
        found = [self.text(name) for name in _FILE if self.item.get(name)]
        if len(found) != 1 or not found[0]:
            raise self.error("it names no structure file, or two.", "Give one mmcifPath.")
        return self.path.parent / found[0]

    def text(self, name: str) -> str | None:
        value = self.item.get(name)
        if value is None or (isinstance(value, str) and value):
            return value
        raise self.error(f"{name} is no text.", 'Write it in quotes: "A".')

    def chains(self) -> tuple[str, ...] | None:
        value = self.item.get(_FOR)
        if value is None or isinstance(value, str):
            return None if value is None else (value,)
        if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            return tuple(value)
        raise self.error(f"{_FOR} names no chains.", 'Write "A", or ["A", "B"].')

    def mapping(self) -> tuple[tuple[int, int], ...] | None:
        if self.item.get(_QUERY) is None and self.item.get(_TEMPLATE) is None:
            return None
        columns, places = self.indices(_QUERY), self.indices(_TEMPLATE)
        if len(columns) != len(places):
            message = f"{_QUERY} has {len(columns)} numbers, {_TEMPLATE} has {len(places)}."
            raise self.error(message, "The n-th of the one lies over the n-th of the other.")
        if len(set(columns)) < len(columns):
            twice = next(column for i, column in enumerate(columns) if column in columns[:i])
            raise self.error(f"residue {twice} is twice in {_QUERY}.", "One residue of the template lies over each.")
        return tuple(zip(columns, places, strict=True))

    def indices(self, name: str) -> list[int]:
        values = self.item.get(name)
        if isinstance(values, list) and values and all(_is_index(value) for value in values):
            return values
        raise self.error(f"{name} is no list of numbers from 0.", "Give both lists, or neither.")

    def error(self, message: str, remedy: str) -> InputError:
        return InputError(message, file=self.path, field=self.place, remedy=remedy)


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _wanted(given: GivenTemplate, job: Job) -> tuple[str, ...]:
    """The chains of a job that a template is for."""
    unknown = [name for name in given.chains or () if name not in job.chain_ids]
    if unknown:
        message = f"the job {job.name} has no chain {unknown[0]}."
        raise InputError(message, file=given.source, field=_FOR, remedy=f"Its chains are {', '.join(job.chain_ids)}.")
    if given.chains is None and given.template.mapping is not None and len(set(job.sequences)) > 1:
        message = f"the map does not say for which chain of {job.name} it is."
        raise InputError(message, file=given.source, field=_FOR, remedy='Add "id": "A", or another chain of the job.')
    return given.chains or job.chain_ids


def _check_map(given: GivenTemplate, name: str, sequence: str) -> None:
    beyond = [column for column, _ in given.template.mapping or () if column >= len(sequence)]
    if beyond:
        message = f"residue {beyond[0]} (counted from 0) is beyond the {len(sequence)} of chain {name}."
        raise InputError(message, file=given.source, field=_QUERY, remedy="Count the residues of the query from 0.")
