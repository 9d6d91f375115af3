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
_LARGEST_PIECE = 128  # of those that passed the screen: a hit takes a thousand times as long, and threads end together


def search(
    making: Sequence[Callable[[], HMM]],
    database: SequenceShards,
    pipeline: Callable[[], Pipeline],
    threads: int = 1,
) -> list[tuple[HMM, TopHits]]:
    """Every profile, made here, with its hits in the whole database.

    `pipeline` must fix Z, so that pieces do not know of each other. While profiles are made the database is counted and
    its first shard read, and while one shard is searched the next, and the last of the one before end. Where sequences
    can be screened, HMMER sees those that might pass its first filter.
    """
    own = local()
    profiles: list[HMM] = []
    found: list[list[TopHits]] = [[] for _ in making]

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
            made = [workers.submit(make) for make in making]
            counted = reader.submit(lambda: database.size)
            is_screened = screen.is_available(database.alphabet)
            shards = _Ahead(database.packed() if is_screened else iter(database), reader)
            counted.result()
            profiles += [future.result() for future in made]
            screens = screen.screens(profiles, pipeline().F1) if is_screened else []
            for shard in shards:
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
    merged = (hits[0].merge(*hits[1:]) if len(hits) > 1 else hits[0] for hits in found)
    return list(zip(profiles, merged, strict=True))


def _screened(
    shard: Packed, screens: Sequence[Screen], workers: ThreadPoolExecutor, threads: int
) -> Iterator[tuple[int, DigitalSequenceBlock]]:
    """The number of each profile and what is left of the shard for it, in pieces, as soon as it is known."""
    pieces = _pieces(len(shard), len(screens), threads)
    running = [(each.profiles, workers.submit(each.read, shard, piece)) for each in screens for piece in pieces]
    for profiles, future in running:
        for number, block in zip(profiles, future.result(), strict=True):
            for start in range(0, max(1, len(block)), _LARGEST_PIECE):
                yield number, cast(DigitalSequenceBlock, block[start : start + _LARGEST_PIECE])


def _whole(shard: DigitalSequenceBlock, num_profiles: int, threads: int) -> Iterator[tuple[int, DigitalSequenceBlock]]:
    """The number of each profile, with every piece of the shard."""
    pieces = [cast(DigitalSequenceBlock, shard[piece]) for piece in _pieces(len(shard), num_profiles, threads)]
    return ((number, piece) for number in range(num_profiles) for piece in pieces)


class _Ahead(Iterator[Shard]):
    """Shards, the first of which is read at once and each other while the one before it is in use."""

    def __init__(self, shards: Iterator[Shard], reader: ThreadPoolExecutor):
        self._shards, self._reader = shards, reader
        self._coming: Future[Shard | None] = reader.submit(next, shards, None)

    def __next__(self) -> Shard:
        if (shard := self._coming.result()) is None:
            raise StopIteration
        self._coming = self._reader.submit(next, self._shards, None)
        return shard


def _pieces(num_sequences: int, num_profiles: int, threads: int) -> list[slice]:
    """A shard cut so that every thread has work even for few profiles."""
    wanted = -(-threads // max(1, num_profiles)) if num_profiles < 4 * threads else 1
    if num_profiles < threads:
        wanted *= 4  # pieces take different times
    size = max(_SMALLEST_PIECE, -(-num_sequences // wanted))
    return [slice(start, start + size) for start in range(0, num_sequences, size)]
