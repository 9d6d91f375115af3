"""hmmsearch in process: the profiles of alignments against sequences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pyhmmer.easel import Alphabet
from pyhmmer.plan7 import HMM, Pipeline

from foldwright.io.alignment import Alignment
from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import HmmsearchOptions
from foldwright.search.hmmer.passes import search
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards


def run(
    queries: Sequence[Alignment | Hits | HMM],
    database: SequenceShards | str | Path,
    options: HmmsearchOptions | None = None,
    threads: int = 1,
) -> list[Hits]:
    """The hits of each profile in one pass over the database; alignments become profiles as with `hmmbuild --hand`.

    `Hits` of a jackhmmer give the profile of their Stockholm text to the last digit, an `Alignment` very nearly.
    Raises InputError for what cannot be used.
    """
    options = options or HmmsearchOptions()
    database = database if isinstance(database, SequenceShards) else SequenceShards(database)
    making = [partial(_profile, query, database.alphabet, options.seed) for query in queries]

    def pipeline() -> Pipeline:
        return Pipeline(database.alphabet, Z=options.z or database.size.sequences, **options.pipeline())

    found = search(making, database, pipeline, threads)
    return [
        Hits(_query(query, model), model, top, name=model.name, max_hits=options.max_hits)
        for query, (model, top) in zip(queries, found, strict=True)
    ]


def _profile(query: Alignment | Hits | HMM, alphabet: Alphabet, seed: int) -> HMM:
    if isinstance(query, Alignment):
        return profiles.of_alignment(query, alphabet, seed=seed)
    return query if isinstance(query, HMM) else profiles.as_hmmbuild(query.msa(), alphabet, seed)


def _query(query: Alignment | Hits | HMM, model: HMM) -> Query:
    """The sequence that heads the alignment: the query itself, or the profile's consensus."""
    if isinstance(query, Hits):
        return Query(model.name, query.query.sequence)
    return Query(model.name, query.query if isinstance(query, Alignment) else (model.consensus or "").upper())
