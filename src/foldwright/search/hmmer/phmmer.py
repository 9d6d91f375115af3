"""phmmer in process: sequences against sequences, once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pyhmmer.plan7 import Pipeline

from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import PhmmerOptions
from foldwright.search.hmmer.passes import search
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards


def run(
    queries: Sequence[Query],
    database: SequenceShards | str | Path,
    options: PhmmerOptions | None = None,
    threads: int = 1,
) -> list[Hits]:
    """The hits of each query in one pass over the database. Raises InputError for what cannot be used."""
    options = options or PhmmerOptions()
    database = database if isinstance(database, SequenceShards) else SequenceShards(database)
    making = [partial(profiles.of_sequence, query, database.alphabet, options.seed) for query in queries]

    def pipeline() -> Pipeline:
        return Pipeline(database.alphabet, Z=options.z or database.size.sequences, **options.pipeline())

    found = search(making, database, pipeline, threads)
    return [
        Hits(query, model, top, name=query.name, max_hits=options.max_hits)
        for query, (model, top) in zip(queries, found, strict=True)
    ]
