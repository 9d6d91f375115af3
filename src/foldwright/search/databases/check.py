"""What lies in a folder of databases, whether it is whole, and which presets can search it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.search.databases.fetch import DOWNLOADS, sha256_of
from foldwright.search.databases.places import FASTA, PLACES, STRUCTURES, find, parts_of
from foldwright.search.databases.receipts import faults, read_receipts
from foldwright.search.recipes import RECIPES


@dataclass(frozen=True)
class Finding:
    """One database: where it is, its bytes, from which release, and what is wrong with it."""

    name: str
    kind: str
    path: Path | None = None
    num_bytes: int | None = None
    source: str = ""
    troubles: list[str] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        return self.path is not None and not self.troubles


@dataclass(frozen=True)
class Survey:
    """All databases by name, what each preset still lacks, and downloads that were begun."""

    findings: dict[str, Finding]
    missing: dict[str, list[str]]
    unfinished: list[str]


def survey(folder: Path, hashes: bool = False) -> Survey:
    """Look at a folder of databases; with `hashes` whole files are read and compared with their receipts.

    Raises InputError if there is no such folder.
    """
    if not folder.is_dir():
        remedy = "Give a folder, or make one with `foldwright databases fetch`."
        raise InputError("there is no such folder.", file=folder, field="--databases", remedy=remedy)
    notes = {str(note.get("database", note["name"])): note for note in read_receipts(folder)}
    names = [*PLACES, *(name for name in notes if name not in PLACES)]
    findings = {name: _finding(folder, name, notes.get(name), hashes) for name in names}
    missing = {preset: _missing(preset, findings) for preset in RECIPES if RECIPES[preset]()}
    unfinished = sorted(path.name for path in (folder / DOWNLOADS).glob("*") if path.is_dir())
    return Survey(findings, missing, unfinished)


def _finding(folder: Path, name: str, note: dict[str, Any] | None, hashes: bool) -> Finding:
    kind = PLACES[name].kind if name in PLACES else FASTA
    source = "" if note is None else str(note["name"])
    troubles = [] if note is None else faults(folder, note)
    try:
        path = find(folder, name)
    except InputError as error:
        told = [error.message] if "not complete" in error.message else []
        return Finding(name, kind, None, None, source, troubles or told)
    if kind == FASTA:
        troubles += _troubles_of_fasta(path)
    if hashes and note is not None and "sha256" in note and not troubles and sha256_of(path) != note["sha256"]:
        troubles.append(f"the hash of {path.name} is not the one it had when it was made")
    size = None if kind == STRUCTURES else sum(part.stat().st_size for part in parts_of(path, kind))
    return Finding(name, kind, path, size, source, troubles)


def _troubles_of_fasta(path: Path) -> list[str]:
    with path.open("rb") as file:
        start = file.read(2)
    if path.name.endswith(".gz"):
        return [] if start == b"\x1f\x8b" else [f"{path.name} is not packed with gzip"]
    return [] if start[:1] == b">" else [f"{path.name} does not begin like FASTA"]


def _missing(preset: str, findings: dict[str, Finding]) -> list[str]:
    needed = dict.fromkeys(database for step in RECIPES[preset]() for database in step.databases)
    return [name for name in needed if not findings[name].is_usable]
