"""The installed HH-suite: HHblits for relatives, HHsearch for templates; one query at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.a3m import read_a3m, write_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import read_hhr
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Hhblits, Hhsearch
from foldwright.search.programs import installed
from foldwright.search.programs.jackhmmer import first_rows

_HHBLITS_FILES = ("_a3m.ffdata", "_a3m.ffindex", "_hhm.ffdata", "_hhm.ffindex", "_cs219.ffdata", "_cs219.ffindex")


class InstalledHhblits:
    name = "hhblits"
    batch = 1
    retries = False  # one query is alone

    def version(self) -> str:
        return installed.version("hhblits")

    def files(self, database: Database) -> Sequence[Path]:
        return database_files(database)

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Hhblits,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        flags = {
            "-n": parameters.iterations,
            "-e": parameters.e_value,
            "-maxseq": parameters.maxseq,
            "-realign_max": parameters.realign_max,
            "-maxfilt": parameters.maxfilt,
            "-min_prefilter_hits": parameters.min_prefilter_hits,
            "-cpu": threads,
        }
        for query in queries:
            with tempfile.TemporaryDirectory(prefix="foldwright-") as name:
                folder = Path(name)
                (folder / "query.fasta").write_text(f">query\n{query.sequence}\n")
                words = ["-i", "query.fasta", "-o", "/dev/null", "-oa3m", "found.a3m"]
                installed.call("hhblits", *words, *_words(flags), *_databases(databases), folder=folder)
                yield Found(first_rows(read_a3m(folder / "found.a3m", query.sequence), max_rows))


class InstalledHhsearch:
    name = "hhsearch"
    batch = 1
    retries = False  # one query is alone

    def version(self) -> str:
        return installed.version("hhsearch")

    def files(self, database: Database) -> Sequence[Path]:
        return database_files(database)

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Hhsearch,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        flags = {"-maxseq": parameters.maxseq, "-cpu": threads}
        for query in queries:
            with tempfile.TemporaryDirectory(prefix="foldwright-") as name:
                folder = Path(name)
                rows = query.profile or Alignment.of_query(query.sequence)
                (folder / "query.a3m").write_text(write_a3m(rows))
                words = ["-i", "query.a3m", "-o", "found.hhr"]
                installed.call("hhsearch", *words, *_words(flags), *_databases(databases), folder=folder)
                yield Found(template_hits=tuple(read_hhr(folder / "found.hhr")[:max_rows]))


def database_files(database: Database) -> Sequence[Path]:
    """The six files of an HH-suite database, which its path is the beginning of.

    Raises InputError if one is missing.
    """
    files = [database.path.with_name(database.path.name + ending) for ending in _HHBLITS_FILES]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        remedy = f"Fetch it with `foldwright databases fetch {database.name}`."
        raise InputError(f"the database {database.name} is not complete.", file=missing, remedy=remedy)
    return files


def _databases(databases: Sequence[Database]) -> list[object]:
    return [word for database in databases for word in ("-d", database.path.resolve())]


def _words(flags: Mapping[str, float | int]) -> list[object]:
    return [word for flag, value in flags.items() for word in (flag, value)]
