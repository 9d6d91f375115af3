"""hmmsearch in process: the profiles of alignments against sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyhmmer.plan7 import HMM, Pipeline

from foldwright.io.alignment import Alignment
from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import HmmsearchOptions
from foldwright.search.hmmer.passes import search
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards


def run(
    queries: Sequence[Alignment | HMM],
    database: SequenceShards | str | Path,
    options: HmmsearchOptions | None = None,
    threads: int = 1,
) -> list[Hits]:
    """The hits of each profile in one pass over the database; an alignment becomes one as `hmmbuild --hand` makes it.

    Raises InputError for what cannot be used.
    """
    options = options or HmmsearchOptions()
    database = database if isinstance(database, SequenceShards) else SequenceShards(database)
    models = [
        query if isinstance(query, HMM) else profiles.of_alignment(query, database.alphabet, seed=options.seed)
        for query in queries
    ]

    def pipeline() -> Pipeline:
        return Pipeline(database.alphabet, Z=options.z or database.size.sequences, **options.pipeline())

    found = search(models, database, pipeline, threads)
    return [
        Hits(_query(query, model), model, top, name=model.name, max_hits=options.max_hits)
        for query, model, top in zip(queries, models, found, strict=True)
    ]


def _query(query: Alignment | HMM, model: HMM) -> Query:
    """The sequence that heads the alignment: the query itself, or the profile's consensus."""
    sequence = query.query if isinstance(query, Alignment) else (model.consensus or "").upper()
    return Query(model.name, sequence)
