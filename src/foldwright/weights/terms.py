"""Terms of use that have to be accepted once on a machine."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.cache_folder import cache_folder
from foldwright.weights.catalog import OnRequest


def told(publication: OnRequest) -> str:
    """Whose work it is, on what terms, and what to cite."""
    lines = [
        f"Parameters of {publication.name} by {publication.publisher}, under the {publication.terms}",
        *(f"  - {condition}" for condition in publication.conditions),
        *(f"Please cite {citation}" for citation in publication.citations),
    ]
    return "\n".join(lines)


def are_accepted(publication: OnRequest) -> bool:
    """Whether somebody accepted these terms here."""
    try:
        return json.loads(_note(publication).read_text("utf-8"))["terms"] == publication.terms
    except (OSError, ValueError, KeyError, TypeError):
        return False


def accept(publication: OnRequest) -> None:
    """Note that the terms were accepted."""
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with atomic_write(_note(publication)) as file:
        json.dump({"terms": publication.terms, "accepted": when}, file, indent=1)


def require_accepted(publication: OnRequest, file: Path) -> None:
    """Refuse to read a file whose terms nobody accepted here.

    Raises:
        InputError: with the way to accept them.
    """
    if not are_accepted(publication):
        command = f"foldwright weights import {file} --model {publication.name} --accept-terms"
        raise InputError(
            f"the {publication.terms} ({'; '.join(publication.conditions)}) have not been accepted on this machine.",
            file=file,
            remedy=f"If you accept them, run `{command}`.",
        )


def _note(publication: OnRequest) -> Path:
    return cache_folder() / "accepted" / f"{publication.name}.json"
