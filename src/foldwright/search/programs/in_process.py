"""HMMER in this process, through pyhmmer: many queries share one pass over a database."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import pyhmmer

from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import parse_stockholm
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Hmmsearch, Jackhmmer
from foldwright.search.programs.installed import one_file
from foldwright.search.programs.jackhmmer import described, first_rows
from foldwright.search.template_search import search_templates

_BATCH = 128  # queries of one pass: what an interruption can cost


class JackhmmerInProcess:
    name = "pyhmmer jackhmmer"
    batch = _BATCH

    def version(self) -> str:
        return version("pyhmmer")

    def files(self, database: Database) -> Sequence[Path]:
        return one_file(database)

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Jackhmmer,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        alphabet = pyhmmer.easel.Alphabet.amino()
        with pyhmmer.easel.SequenceFile(str(databases[0].path), digital=True, alphabet=alphabet) as file:
            block = file.read_block()
        for query in queries:
            digital = pyhmmer.easel.TextSequence(name="query", sequence=query.sequence).digitize(alphabet)
            results = pyhmmer.hmmer.jackhmmer(
                [digital],
                block,
                max_iterations=parameters.iterations,
                cpus=threads,
                E=parameters.e_value,
                incE=parameters.incE,
                F1=parameters.F1,
                F2=parameters.F2,
                F3=parameters.F3,
            )
            for result in results:
                yield Found(_alignment(result.msa, max_rows))


class HmmsearchInProcess:
    name = "pyhmmer hmmsearch"
    batch = _BATCH

    def version(self) -> str:
        return version("pyhmmer")

    def files(self, database: Database) -> Sequence[Path]:
        return one_file(database)

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
        for hits in search_templates(profiles, database.path, parameters, threads):
            yield Found(template_hits=hits[:max_rows])


def _alignment(msa, max_rows: int | None) -> Alignment:
    text = io.BytesIO()
    msa.write(text, "pfam")
    return first_rows(described(parse_stockholm(text.getvalue().decode().splitlines())), max_rows)
