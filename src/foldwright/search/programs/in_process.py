"""HMMER in this process, through pyhmmer: many queries share one pass over a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from foldwright.io.alignment import Alignment
from foldwright.search.found import Database, Found, Query
from foldwright.search.hmmer import JackhmmerOptions, NhmmerOptions, hits, hmmalign, jackhmmer, nhmmer, queries
from foldwright.search.parameters import Hmmsearch, Jackhmmer, Nhmmer
from foldwright.search.programs.installed import one_file
from foldwright.search.template_search import search_templates


class InProcess:
    """What all of them share."""

    name: str
    batch = 128  # queries of one pass: what an interruption can cost
    retries = True

    def version(self) -> str:
        return version("pyhmmer")

    def files(self, database: Database) -> Sequence[Path]:
        return one_file(database)


class JackhmmerInProcess(InProcess):
    name = "pyhmmer jackhmmer"

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Jackhmmer,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        (database,) = databases
        options = JackhmmerOptions(**asdict(parameters), max_hits=_below(max_rows))
        for found in jackhmmer.run(_named(queries), database.path, options, threads):
            yield _rows(found, max_rows)


class NhmmerInProcess(InProcess):
    name = "pyhmmer nhmmer"

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Nhmmer,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        """Short and long queries are two passes: their filters differ."""
        (database,) = databases
        found: dict[str, Found] = {}
        for is_short in (False, True):
            group = [query for query in queries if (len(query.sequence) < parameters.short) == is_short]
            options = NhmmerOptions(
                e_value=parameters.e_value,
                incE=parameters.incE,
                F3=parameters.F3_short if is_short else parameters.F3,
                strand="watson",  # AF3 SI 2.2: only the strand that is given
                max_hits=_below(max_rows),
            )
            results = nhmmer.run(_named(group), database.path, options, threads) if group else ()
            found |= {
                query.sequence: _realigned(result, max_rows) for query, result in zip(group, results, strict=True)
            }
        return iter([found[query.sequence] for query in queries])


class HmmsearchInProcess(InProcess):
    name = "pyhmmer hmmsearch"

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Hmmsearch,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        (database,) = databases
        profiles = [query.profile or Alignment.of_query(query.sequence) for query in queries]
        for found in search_templates(profiles, database.path, parameters, threads):
            yield Found(template_hits=found[:max_rows])


def _named(asked: Sequence[Query]) -> list[queries.Query]:
    return [queries.Query("query", query.sequence) for query in asked]


def _below(max_rows: int | None) -> int | None:
    """How many rows may stand below the query."""
    return None if max_rows is None else max(1, max_rows - 1)


def _realigned(found: hits.Hits, max_rows: int | None) -> Found:
    """Hits laid over the whole query once more: nhmmer's own alignments end where the likeness does (AF3 SI 2.2)."""
    below = [] if max_rows == 1 else found.residues()
    names, rows = [name for name, _ in below], [row for _, row in below]
    return Found(hmmalign.run(found.query, rows, names, found.profile.alphabet))


def _rows(found: hits.Hits, max_rows: int | None) -> Found:
    return Found(Alignment.of_query(found.query.sequence) if max_rows == 1 else found.alignment())
