"""Rows of a complex that the server pairs: it knows species that the rows it sends do not name."""

from __future__ import annotations

from collections.abc import Sequence

from foldwright.io.alignment import Alignment
from foldwright.search.cache import Cache, key_of
from foldwright.search.colabfold import ServerOptions, pair_on_server
from foldwright.search.found import Found
from foldwright.search.options import SearchOptions

GREEDY, NONE = "greedy", "none"  # greedy pairs what it can; `complete` only species that have all chains


def search_pairs(sequences: Sequence[str], options: SearchOptions, pairing: str = GREEDY) -> list[Alignment] | None:
    """Paired rows for each chain of one complex, the n-th beside the n-th; the query first.

    None where nothing is asked: the engine is not the server, pairs are not wanted, or all chains are the same.
    Raises InputError if the server fails.
    """
    distinct = list(dict.fromkeys(sequences))
    if options.engine != "server" or pairing == NONE or len(distinct) < 2:
        return None
    cache = Cache(options.cache_folder)
    keys = [key_of(host=options.server, pairing=pairing, chains=distinct, chain=i) for i in range(len(distinct))]
    kept = [None if options.refresh else cache.get(key) for key in keys]
    rows = [entry[0].alignment for entry in kept if entry and entry[0].alignment is not None]
    if len(rows) < len(distinct):
        rows = pair_on_server(distinct, ServerOptions(host=options.server, pairing=pairing))
        for key, own in zip(keys, rows, strict=True):
            cache.put(key, Found(own), {"host": options.server, "pairing": pairing})
    by_sequence = dict(zip(distinct, rows, strict=True))
    return [by_sequence[sequence] for sequence in sequences]
