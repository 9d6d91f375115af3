"""One pass over a database for many profiles at once, on several threads, with the memory of two shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local
from typing import cast

from pyhmmer.easel import DigitalSequenceBlock
from pyhmmer.plan7 import HMM, Pipeline, TopHits

from foldwright import interrupts
from foldwright.search.hmmer.sequences import SequenceShards

_SMALLEST_PIECE = 256  # sequences; smaller pieces cost more in configuring the profile than they gain


def search(
    profiles: Sequence[HMM], database: SequenceShards, pipeline: Callable[[], Pipeline], threads: int = 1
) -> list[TopHits]:
    """The hits of every profile in the whole database. `pipeline` must fix Z, so that pieces do not know of each other.

    While one shard is searched the next is read.
    """
    own = local()

    def run(profile: HMM, piece: DigitalSequenceBlock) -> TopHits:
        if not hasattr(own, "pipeline"):
            own.pipeline = pipeline()
        hits = own.pipeline.search_hmm(profile, piece)
        own.pipeline.clear()
        return hits

    found: list[list[TopHits]] = [[] for _ in profiles]
    with ThreadPoolExecutor(threads) as workers, ThreadPoolExecutor(1) as reader:
        try:
            for shard in _ahead(iter(database), reader):
                interrupts.check()
                pieces = _pieces(shard, len(profiles), threads)
                running = [[workers.submit(run, profile, piece) for piece in pieces] for profile in profiles]
                for hits, futures in zip(found, running, strict=True):
                    hits.extend(result for future in futures if (result := future.result()) or not hits)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    return [hits[0].merge(*hits[1:]) if len(hits) > 1 else hits[0] for hits in found]


def _ahead(shards: Iterator[DigitalSequenceBlock], reader: ThreadPoolExecutor) -> Iterator[DigitalSequenceBlock]:
    """The shards, each read while the one before it is in use."""
    coming: Future[DigitalSequenceBlock | None] = reader.submit(next, shards, None)
    while (shard := coming.result()) is not None:
        coming = reader.submit(next, shards, None)
        yield shard


def _pieces(shard: DigitalSequenceBlock, num_profiles: int, threads: int) -> list[DigitalSequenceBlock]:
    """The shard cut so that every thread has work even for few profiles."""
    wanted = -(-threads // max(1, num_profiles)) if num_profiles < 4 * threads else 1
    if num_profiles < threads:
        wanted *= 4  # pieces take different times
    size = max(_SMALLEST_PIECE, -(-len(shard) // wanted))
    return [cast(DigitalSequenceBlock, shard[start : start + size]) for start in range(0, len(shard), size)]
