"""The files of a search: alignments, candidates for pairing, template hits, and what was done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.a3m import write_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.atomic import atomic_write
from foldwright.io.hhr import TemplateHit
from foldwright.search.stage import ChainSearch


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
