"""The files of a search: alignments, candidates for pairing, template hits, and what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.a3m import write_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.atomic import atomic_write
from foldwright.io.hhr import TemplateHit
from foldwright.search.options import SERVER, SearchOptions
from foldwright.search.server_structures import locate
from foldwright.search.stage import ChainSearch
from foldwright.search.structures import TemplateStructures
from foldwright.search.templates import TemplateFilters, rejected_record, screened

STRUCTURES = "structures"  # the folder of those that a server sent, among the results of searches


@dataclass(frozen=True)
class TemplateKeeper:
    """Which hits are written beside an alignment, and where the structures that a server sends go.

    filters  numbers of `TemplateFilters` that were chosen; without any all hits are kept, to be chosen from later
    folder   for structures, of all jobs together
    """

    options: SearchOptions
    filters: Mapping[str, Any]
    folder: Path

    def of_chain(self, found: ChainSearch, sequence: str) -> tuple[ChainSearch, dict[str, Any]]:
        """The search with the hits that are kept, and what to record of the others."""
        hits, record = found.template_hits, {}
        if hits and self.options.engine == SERVER:
            located = locate(hits, self.options)
            self._copy(located.structures, hits)
            hits, record["without_structure"] = tuple(located.hits), dict(located.structures.reasons)
        if hits and self.filters:
            bounds = TemplateFilters(**{"max_templates": len(hits), **self.filters})
            kept, rejected = screened(hits, sequence, bounds)
            hits, record["rejected"] = tuple(kept), rejected_record(rejected)
        return replace(found, template_hits=hits), {"templates": record} if record else {}

    def _copy(self, structures: TemplateStructures, hits: Sequence[TemplateHit]) -> None:
        found = {path for hit in hits if (path := structures.find(hit.pdb_id))}
        for path in sorted(found):
            if not (self.folder / path.name).is_file():
                with atomic_write(self.folder / path.name, "wb") as out:
                    out.write(path.read_bytes())


def write_chain(folder: Path, name: str, found: ChainSearch) -> None:
    """`name.a3m`, and `name.candidates.a3m` and `name.hits.json` if there are such; none of an earlier search stays."""
    _write_rows(folder / f"{name}.a3m", found.alignment)
    _write_rows(folder / f"{name}.candidates.a3m", found.candidates)
    hits = folder / f"{name}.hits.json"
    hits.unlink(missing_ok=True)
    if found.template_hits:
        write_json(hits, [asdict(hit) for hit in found.template_hits])


def write_pairs(folder: Path, names: Sequence[str], pairs: Sequence[Alignment] | None) -> None:
    """`name.paired.a3m` for each chain; without pairs none of an earlier search stays."""
    for name, rows in zip(names, pairs or [None] * len(names), strict=True):
        _write_rows(folder / f"{name}.paired.a3m", rows)


def read_hits(file: Path) -> tuple[TemplateHit, ...]:
    """The template hits of a `hits.json`.

    Raises InputError if the file is not one.
    """
    try:
        return tuple(TemplateHit(**hit) for hit in json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        remedy = "Run `foldwright search` again."
        raise InputError("template hits cannot be read.", file=file, remedy=remedy) from error


def write_json(file: Path, data: dict[str, Any] | Sequence[Any]) -> None:
    """Plain data, all at once."""
    with atomic_write(file) as out:
        json.dump(data, out, indent=1)
        out.write("\n")


def _write_rows(file: Path, rows: Alignment | None) -> None:
    if rows is None:
        file.unlink(missing_ok=True)
        return
    with atomic_write(file) as out:
        out.write(write_a3m(rows))
