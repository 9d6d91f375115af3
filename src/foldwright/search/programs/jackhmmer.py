"""The installed jackhmmer, one query at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import Stockholm, parse_stockholm
from foldwright.io.text import read_lines
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Jackhmmer
from foldwright.search.programs import installed


class InstalledJackhmmer:
    name = "jackhmmer"
    batch = 1
    retries = False  # one query is alone

    def version(self) -> str:
        return installed.version("jackhmmer")

    def files(self, database: Database) -> Sequence[Path]:
        (file,) = installed.one_file(database)
        if file.suffix == ".gz":
            remedy = "Unpack it with gunzip, or choose --engine pyhmmer."
            raise InputError("the installed jackhmmer reads no gzip files.", file=file, remedy=remedy)
        return (file,)

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Jackhmmer,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        (database,) = databases
        for query in queries:
            with tempfile.TemporaryDirectory(prefix="foldwright-") as folder:
                yield Found(_search(Path(folder), query.sequence, database.path, parameters, max_rows, threads))


def _search(folder: Path, sequence: str, database: Path, p: Jackhmmer, max_rows: int | None, threads: int) -> Alignment:
    (folder / "query.fasta").write_text(f">query\n{sequence}\n")
    limits = {"-N": p.iterations, "-E": p.e_value, "--incE": p.incE, "--F1": p.F1, "--F2": p.F2, "--F3": p.F3}
    flags = [word for flag, value in limits.items() for word in (flag, value)]
    files = ["query.fasta", database.resolve()]
    output = ["--noali", "-o", "/dev/null", "-A", "found.sto"]
    installed.call("jackhmmer", *output, *flags, "--cpu", threads, *files, folder=folder)
    found = folder / "found.sto"
    if not found.exists() or not found.stat().st_size:
        return Alignment.of_query(sequence)
    return first_rows(described(parse_stockholm(read_lines(found), found)), max_rows)


def described(stockholm: Stockholm) -> Alignment:
    """The alignment with `name description` for each row."""
    rows = stockholm.alignment()
    words = [f"{name} {stockholm.descriptions.get(name, '')}".strip() for name in rows.descriptions]
    return Alignment(rows.sequences, rows.deletions, words)


def first_rows(alignment: Alignment, max_rows: int | None) -> Alignment:
    """No more rows than these, the query among them."""
    return alignment if max_rows is None else alignment.rows(range(min(len(alignment), max_rows)))
