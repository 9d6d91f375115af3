"""What one search is asked and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit


@dataclass(frozen=True)
class Query:
    """A sequence, with the rows of an earlier search where a program searches with a profile."""

    sequence: str
    profile: Alignment | None = None


@dataclass(frozen=True)
class Found:
    """The answer for one query: an alignment whose first row is the query, or structures to use as templates."""

    alignment: Alignment | None = None
    template_hits: tuple[TemplateHit, ...] = ()

    @property
    def num_hits(self) -> int:
        return len(self.template_hits) if self.alignment is None else len(self.alignment) - 1


@dataclass(frozen=True)
class Database:
    """A database on this machine: what its path means is the program's business (a FASTA file, or a prefix)."""

    name: str
    path: Path


@runtime_checkable
class Program(Protocol):
    """One program, in this process or installed.

    batch    how many queries share one run; results are kept after each
    retries  whether a run that failed is tried again for each of its queries alone
    """

    name: str
    batch: int
    retries: bool

    def version(self) -> str:
        """Raises InputError if it is not here, with how to get it."""
        ...

    def files(self, database: Database) -> Sequence[Path]:
        """The files that hold the database; raises InputError if any is missing."""
        ...

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Any,  # those of its kind
        max_rows: int | None,
        threads: int,
    ) -> Iterable[Found]:
        """One answer for each query, in their order."""
        ...
