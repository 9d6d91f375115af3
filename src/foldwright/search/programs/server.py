"""The MSA server of ColabFold, as a program that runs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foldwright.search.colabfold import ServerOptions, search_on_server
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Server
from foldwright.search.programs.jackhmmer import first_rows


class ServerSearch:
    name = "ColabFold MSA server"
    batch = 32  # sequences of one ticket
    retries = False  # it is shared by everyone, and tries again by itself

    def version(self) -> str:
        return "not told"

    def files(self, database: Database) -> Sequence[Path]:
        """The server has its own."""
        return ()

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Server,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        options = ServerOptions(
            host=parameters.host,
            environmental=parameters.environmental,
            filtered=parameters.filtered,
            templates=parameters.templates,
        )
        sequences = [query.sequence for query in queries]
        for sequence, answer in zip(sequences, search_on_server(sequences, options), strict=True):
            hits = tuple(hit.as_template(number, sequence) for number, hit in enumerate(answer.templates, 1))
            yield Found(first_rows(answer.alignment, max_rows), hits)
