"""One shard from one part of a source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from foldwright.training.data.alignments import Library
from foldwright.training.data.chain import Chain
from foldwright.training.data.filters import Filters
from foldwright.training.data.shards import FORMAT, Row, Shard, write_shard
from foldwright.training.data.sources import Batch, Dropped


@dataclass(frozen=True)
class Made:
    """What a shard holds, what was left out of it, and which alignments could not be read."""

    path: Path
    rows: list[Row]
    dropped: list[Dropped]
    unreadable: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Made:
        """As the shard itself says."""
        told = Shard(path).notes
        rows = [Row(**row, shard=path.name, row=i) for i, row in enumerate(told["rows"])]
        return cls(path, rows, [Dropped(*pair) for pair in told["dropped"]], told["unreadable"])


def shard_name(number: int, part: Batch, filters: Filters, library: Library) -> str:
    """A name that changes with everything that decides what the shard holds."""
    known = json.dumps([FORMAT, asdict(filters), part.identity(), library.identity])
    return f"shard-{number:05d}-{hashlib.sha256(known.encode()).hexdigest()[:16]}.safetensors"


def make_shard(path: Path, part: Batch, filters: Filters, library: Library) -> None:
    """Read, filter and write the chains of a part, with their alignments."""
    chains: list[Chain] = []
    dropped: list[Dropped] = []
    for found in part.read():
        fault = None if isinstance(found, Dropped) else filters.fault(found)
        if isinstance(found, Dropped):
            dropped.append(found)
        elif fault is not None:
            dropped.append(Dropped(found.id, fault))
        else:
            chains.append(replace(found, alignment=library.of(found.id, found.sequence)))
    told = {
        "rows": list(_told(chains)),
        "dropped": [[item.name, item.why] for item in dropped],
        "unreadable": library.unreadable,
    }
    write_shard(path, chains, told)


def _told(chains: list[Chain]) -> Iterator[dict]:
    """The rows of the manifest but for their place."""
    for chain in chains:
        row = asdict(Row.of(chain, "", 0))
        yield {name: value for name, value in row.items() if name not in ("shard", "row")}
