"""One pass over a database for many profiles at once, on several threads, with the memory of three shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local
from typing import TypeVar, cast

from pyhmmer.easel import DigitalSequenceBlock
from pyhmmer.plan7 import HMM, Pipeline, TopHits

from foldwright import interrupts
from foldwright.search.hmmer import screen
from foldwright.search.hmmer.packed import Packed
from foldwright.search.hmmer.screen import Screen
from foldwright.search.hmmer.sequences import SequenceShards

Shard = TypeVar("Shard", DigitalSequenceBlock, DigitalSequenceBlock | Packed)

_SMALLEST_PIECE = 256  # sequences; smaller pieces cost more in configuring the profile than they gain


def search(
    profiles: Sequence[HMM], database: SequenceShards, pipeline: Callable[[], Pipeline], threads: int = 1
) -> list[TopHits]:
    """The hits of every profile in the whole database. `pipeline` must fix Z, so that pieces do not know of each other.

    While one shard is searched the next is read, and the last of the one before end. Where sequences can be screened,
    HMMER sees those that might pass its first filter.
    """
    own = local()
    found: list[list[TopHits]] = [[] for _ in profiles]
    is_screened = screen.is_available(database.alphabet)
    screens = screen.screens(profiles, pipeline().F1) if is_screened else []

    def run(number: int, block: DigitalSequenceBlock) -> TopHits:
        if not hasattr(own, "pipeline"):
            own.pipeline = pipeline()
        hits = own.pipeline.search_hmm(profiles[number], block)
        own.pipeline.clear()
        return hits

    def collect(running: list[tuple[int, Future[TopHits]]]) -> None:
        for number, future in running:
            if (hits := future.result()) or not found[number]:
                found[number].append(hits)

    with ThreadPoolExecutor(threads) as workers, ThreadPoolExecutor(1) as reader:
        before: list[tuple[int, Future[TopHits]]] = []
        try:
            for shard in _ahead(database.packed() if is_screened else iter(database), reader):
                interrupts.check()
                if isinstance(shard, Packed):
                    blocks = _screened(shard, screens, workers, threads)
                else:
                    blocks = _whole(shard, len(profiles), threads)
                running = [(number, workers.submit(run, number, block)) for number, block in blocks]
                collect(before)
                before = running
            collect(before)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    return [hits[0].merge(*hits[1:]) if len(hits) > 1 else hits[0] for hits in found]


def _screened(
    shard: Packed, screens: Sequence[Screen], workers: ThreadPoolExecutor, threads: int
) -> Iterator[tuple[int, DigitalSequenceBlock]]:
    """The number of each profile and what is left of the shard for it, as soon as it is known."""
    pieces = _pieces(len(shard), len(screens), threads)
    running = [(each.profiles, workers.submit(each.read, shard, piece)) for each in screens for piece in pieces]
    for profiles, future in running:
        yield from zip(profiles, future.result(), strict=True)


def _whole(shard: DigitalSequenceBlock, num_profiles: int, threads: int) -> Iterator[tuple[int, DigitalSequenceBlock]]:
    """The number of each profile, with every piece of the shard."""
    pieces = [cast(DigitalSequenceBlock, shard[piece]) for piece in _pieces(len(shard), num_profiles, threads)]
    return ((number, piece) for number in range(num_profiles) for piece in pieces)


def _ahead(shards: Iterator[Shard], reader: ThreadPoolExecutor) -> Iterator[Shard]:
    """The shards, each read while the one before it is in use."""
    coming: Future[Shard | None] = reader.submit(next, shards, None)
    while (shard := coming.result()) is not None:
        coming = reader.submit(next, shards, None)
        yield shard


def _pieces(num_sequences: int, num_profiles: int, threads: int) -> list[slice]:
    """A shard cut so that every thread has work even for few profiles."""
    wanted = -(-threads // max(1, num_profiles)) if num_profiles < 4 * threads else 1
    if num_profiles < threads:
        wanted *= 4  # pieces take different times
    size = max(_SMALLEST_PIECE, -(-num_sequences // wanted))
    return [slice(start, start + size) for start in range(0, num_sequences, size)]
