"""From structures and alignments to a folder of shards; what was done is kept if it is interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from foldwright.errors import InputError
from foldwright.training.data.alignments import Library
from foldwright.training.data.filters import Filters
from foldwright.training.data.homology import with_families
from foldwright.training.data.making import Made, make_shard, shard_name
from foldwright.training.data.shards import MANIFEST, Row, Shard, read_notes, write_manifest
from foldwright.training.data.sources import Batch, Dropped, batches

Progress = Callable[[int, int], None]  # parts done, parts in all


@dataclass(frozen=True)
class Report:
    """What became of the sources."""

    rows: list[Row]
    dropped: list[Dropped]
    unreadable: dict[str, str]  # alignments, and why
    num_reused: int  # shards that were there already

    @property
    def reasons(self) -> dict[str, list[str]]:
        """What was dropped for each reason, the commonest reason first."""
        counts = Counter(item.why for item in self.dropped).most_common()
        return {why: [item.name for item in self.dropped if item.why == why] for why, _ in counts}


def prepare(
    sources: Sequence[Path],
    out: Path,
    filters: Filters = Filters(),  # noqa: B008  frozen
    alignments: Sequence[Path] = (),
    val_fraction: float = 0.05,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Make a folder that `ShardedChains` reads. Files that cannot be read are skipped, named and counted.

    Where a source does not say so, chains are clustered, and split by homology with about `val_fraction` of the
    families for validation.

    Raises:
        InputError: a source is missing or empty, no chain is left, or the folder was made from other sources.
    """
    _check_folder(out, sources)
    parts = [part for source in sources for part in batches(source)]
    library = Library(alignments)
    paths = [out / shard_name(i, part, filters, library) for i, part in enumerate(parts)]
    missing = [i for i, path in enumerate(paths) if not path.is_file()]
    jobs = [(paths[i], parts[i]) for i in missing]
    for done, _ in enumerate(_made(jobs, filters, library, workers), len(paths) - len(missing)):
        progress(done + 1, len(paths))
    report = _report([Made.read(path) for path in paths], len(paths) - len(missing))
    if not report.rows:
        told = "; ".join(f"{len(names)} times: {why}" for why, names in report.reasons.items())
        raise InputError(f"no chain is left of {len(report.dropped)} ({told}).", file=out, remedy="Loosen the filters.")
    report = replace(report, rows=with_families(report.rows, _sequences(out, report.rows), val_fraction))
    write_manifest(out, report.rows, _notes(sources, alignments, filters, report))
    _remove_others(out, {path.name for path in paths})
    return report


def _check_folder(out: Path, sources: Sequence[Path]) -> None:
    if not (out / MANIFEST).is_file():
        return
    earlier = read_notes(out).get("sources", [])
    if earlier != [str(path) for path in sources]:
        message = f"the folder was prepared from other sources ({', '.join(earlier)})."
        raise InputError(message, file=out, remedy="Choose another folder, or remove this one.")


def _made(jobs: Sequence[tuple[Path, Batch]], filters: Filters, library: Library, workers: int) -> Iterator[None]:
    """Make the shards that are missing, in this process or several."""
    if jobs:
        library.look()
    make = partial(make_shard, filters=filters, library=library)
    if workers == 1:
        yield from (make(path, part) for path, part in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make, *zip(*jobs, strict=True)) if jobs else ()


def _report(made: Sequence[Made], num_reused: int) -> Report:
    first: dict[str, Row] = {}
    dropped = [item for shard in made for item in shard.dropped]
    for row in (row for shard in made for row in shard.rows):
        if first.setdefault(row.id, row) is not row:
            dropped.append(Dropped(row.id, "a chain of this name was there before"))
    unreadable = {file: why for shard in made for file, why in shard.unreadable.items()}
    return Report(list(first.values()), dropped, unreadable, num_reused)


def _sequences(out: Path, rows: Sequence[Row]) -> list[str]:
    shards = {name: Shard(out / name) for name in {row.shard for row in rows}}
    return [shards[row.shard].sequence(row.row) for row in rows]


def _notes(sources: Sequence[Path], alignments: Sequence[Path], filters: Filters, report: Report) -> dict:
    return {
        "sources": [str(path) for path in sources],
        "alignments": [str(path) for path in alignments],
        "filters": asdict(filters),
        "num_dropped": len(report.dropped),
        "dropped": report.reasons,
        "unreadable_alignments": report.unreadable,
    }


def _remove_others(out: Path, kept: set[str]) -> None:
    """Shards of earlier filters or alignments."""
    for path in out.glob("shard-*.safetensors"):
        if path.name not in kept:
            path.unlink()
