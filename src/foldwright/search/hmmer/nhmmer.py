"""nhmmer in process: nucleotide sequences against long nucleotide sequences, on one or both strands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pyhmmer.plan7 import LongTargetsPipeline

from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import NhmmerOptions
from foldwright.search.hmmer.passes import search
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards

_MILLION = 1e6


def run(
    queries: Sequence[Query],
    database: SequenceShards | str | Path,
    options: NhmmerOptions | None = None,
    threads: int = 1,
) -> list[Hits]:
    """The hits of each query in one pass over the database. Raises InputError for what cannot be used."""
    options = options or NhmmerOptions()
    if not isinstance(database, SequenceShards):
        database = SequenceShards(database, alphabet=options.alphabet)
    making = [partial(profiles.of_sequence, query, database.alphabet, options.seed) for query in queries]

    def pipeline() -> LongTargetsPipeline:
        z = options.z or database.size.residues / _MILLION
        return LongTargetsPipeline(database.alphabet, Z=z, strand=options.strand, **options.pipeline())

    found = search(making, database, pipeline, threads)
    return [
        Hits(query, model, top, name=query.name, has_all_columns=False, max_hits=options.max_hits)
        for query, (model, top) in zip(queries, found, strict=True)
    ]
