"""From structures and alignments to a folder of shards; what was done is kept if it is interrupted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from foldwright.errors import InputError
from foldwright.training.data.alignments import Library
from foldwright.training.data.chain import Chain
from foldwright.training.data.filters import Filters
from foldwright.training.data.homology import with_families
from foldwright.training.data.shards import FORMAT, Row, Shard, write_manifest, write_shard
from foldwright.training.data.sources import Batch, Dropped, batches

Progress = Callable[[int, int], None]  # parts done, parts in all


@dataclass(frozen=True)
class Report:
    """What became of the sources."""

    rows: list[Row]
    dropped: list[Dropped]
    num_reused: int = 0  # shards that were there already
    unreadable: dict[str, str] = field(default_factory=dict)  # alignments

    @property
    def reasons(self) -> dict[str, int]:
        """How many things were dropped for each reason, the commonest first."""
        return dict(Counter(dropped.why for dropped in self.dropped).most_common())


def prepare(
    sources: Sequence[Path],
    out: Path,
    filters: Filters = Filters(),  # noqa: B008  frozen
    alignments: Sequence[Path] = (),
    val_fraction: float = 0.05,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Make a folder that `ShardedChains` reads. Files that cannot be read are skipped, named and counted.

    Where a source does not say so, chains are clustered, and split by homology.

    Raises:
        InputError: a source is missing or empty, or no chain is left.
    """
    parts = [part for source in sources for part in batches(source)]
    library = Library(alignments)
    done: list[_Done] = []
    for number, part in enumerate(parts):
        done.append(_done(part, number, out, filters, library))
        progress(number + 1, len(parts))
    rows, twice = _without_copies([row for part in done for row in part.rows])
    report = Report(
        rows,
        [dropped for part in done for dropped in part.dropped] + twice,
        sum(part.is_reused for part in done),
        library.unreadable,
    )
    if not rows:
        told = "; ".join(f"{count} x {why}" for why, count in report.reasons.items())
        raise InputError(f"no chain is left of {len(report.dropped)}: {told}.", file=out, remedy="Loosen the filters.")
    rows = with_families(rows, _sequences(out, rows), val_fraction)
    report = replace(report, rows=rows)
    write_manifest(out, rows, _notes(sources, alignments, filters, report))
    _remove_others(out, {part.path.name for part in done})
    return report


@dataclass(frozen=True)
class _Done:
    """One shard and what it holds."""

    path: Path
    rows: list[Row]
    dropped: list[Dropped]
    is_reused: bool


def _done(part: Batch, number: int, out: Path, filters: Filters, library: Library) -> _Done:
    """The shard of a batch, made now or earlier."""
    known = json.dumps([FORMAT, asdict(filters), part.identity(), library.identity])
    fingerprint = hashlib.sha256(known.encode()).hexdigest()[:16]
    path = out / f"shard-{number:05d}-{fingerprint}.safetensors"
    is_reused = path.is_file()
    if not is_reused:
        _make(part, path, filters, library)
    metadata = Shard(path).metadata
    rows = [Row(**row, shard=path.name, row=i) for i, row in enumerate(json.loads(metadata["rows"]))]
    return _Done(path, rows, [Dropped(*pair) for pair in json.loads(metadata["dropped"])], is_reused)


def _make(part: Batch, path: Path, filters: Filters, library: Library) -> None:
    chains, dropped = [], []
    for found in _filtered(part, filters):
        if isinstance(found, Dropped):
            dropped.append([found.name, found.why])
        else:
            chains.append(replace(found, alignment=library.of(found.id, found.sequence)))
    rows = [asdict(Row.of(chain, "", 0)) for chain in chains]
    told = [{name: value for name, value in row.items() if name not in ("shard", "row")} for row in rows]
    write_shard(path, chains, {"rows": json.dumps(told), "dropped": json.dumps(dropped)})


def _filtered(part: Batch, filters: Filters) -> Iterator[Chain | Dropped]:
    for found in part.read():
        fault = None if isinstance(found, Dropped) else filters.fault(found)
        yield found if isinstance(found, Dropped) or fault is None else Dropped(found.id, fault)


def _sequences(out: Path, rows: Sequence[Row]) -> list[str]:
    shards = {name: Shard(out / name) for name in {row.shard for row in rows}}
    return [shards[row.shard].sequence(row.row) for row in rows]


def _without_copies(rows: Sequence[Row]) -> tuple[list[Row], list[Dropped]]:
    """The first chain of each name."""
    first: dict[str, Row] = {}
    copies = [
        Dropped(row.id, "a chain of this name was there before")
        for row in rows
        if first.setdefault(row.id, row) is not row
    ]
    return list(first.values()), copies


def _notes(sources: Sequence[Path], alignments: Sequence[Path], filters: Filters, report: Report) -> dict:
    dropped: dict[str, list[str]] = {}
    for item in report.dropped:
        dropped.setdefault(item.why, []).append(item.name)
    return {
        "sources": [str(path) for path in sources],
        "alignments": [str(path) for path in alignments],
        "filters": asdict(filters),
        "num_dropped": len(report.dropped),
        "dropped": dropped,
        "unreadable_alignments": report.unreadable,
    }


def _remove_others(out: Path, kept: set[str]) -> None:
    """Shards of earlier filters or sources."""
    for path in out.glob("shard-*.safetensors"):
        if path.name not in kept:
            path.unlink()
