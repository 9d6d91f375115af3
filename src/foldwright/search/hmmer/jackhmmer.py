"""jackhmmer in process: sequences against sequences, again with the profile of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pyhmmer.easel import Alphabet, DigitalMSA, KeyHash
from pyhmmer.plan7 import HMM, Pipeline, TopHits

from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import JackhmmerOptions
from foldwright.search.hmmer.passes import search
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards


def run(
    queries: Sequence[Query],
    database: SequenceShards | str | Path,
    options: JackhmmerOptions | None = None,
    threads: int = 1,
) -> list[Hits]:
    """The hits of each query after the last iteration; every iteration is one pass over the database for all queries.

    A query whose iteration brings nothing new takes no part in the next. Raises InputError for a database or a query
    that cannot be used.
    """
    options = options or JackhmmerOptions()
    database = database if isinstance(database, SequenceShards) else SequenceShards(database)
    searches = [_Search(query) for query in queries]

    def pipeline() -> Pipeline:
        return Pipeline(database.alphabet, Z=options.z or database.size.sequences, **options.pipeline())

    for iteration in range(options.iterations):
        going = [one for one in searches if not one.has_converged]
        making = [partial(one.next_profile, database.alphabet, options.seed) for one in going]
        found = search(making, database, pipeline, threads)
        is_last = iteration + 1 == options.iterations
        for one, (profile, top) in zip(going, found, strict=True):
            one.take(profile, top, iteration + 1, is_last)
    return [one.hits(options.max_hits) for one in searches]


@dataclass(eq=False)
class _Search:
    """One query on its way through the iterations."""

    query: Query
    profile: HMM | None = None
    top: TopHits | None = None
    msa: DigitalMSA | None = None
    iteration: int = 0
    has_converged: bool = False
    known: KeyHash = field(default_factory=KeyHash)

    def next_profile(self, alphabet: Alphabet, seed: int) -> HMM:
        """That of the sequence, and from the second iteration on that of the rows found so far."""
        if self.msa is None:
            return profiles.of_sequence(self.query, alphabet, seed)
        profile = profiles.of_msa(self.msa, seed)
        profile.name = self.query.name
        return profile

    def take(self, profile: HMM, top: TopHits, iteration: int, is_last: bool) -> None:
        """The hits of an iteration; without new sequences and without more rows it was the last."""
        self.profile, self.top, self.iteration = profile, top, iteration
        if is_last:
            return
        rows_before = len(self.msa.sequences) if self.msa is not None else 1
        num_new = top.compare_ranking(self.known)
        self.msa = self.hits().msa()
        self.has_converged = num_new == 0 and len(self.msa.sequences) <= rows_before

    def hits(self, max_hits: int | None = None) -> Hits:
        assert self.profile is not None
        assert self.top is not None
        name = f"{self.query.name}-i{self.iteration}"
        return Hits(self.query, self.profile, self.top, name=name, has_query_row=True, max_hits=max_hits)
