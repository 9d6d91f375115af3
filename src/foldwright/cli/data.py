"""`foldwright data`: chains to train on, from structure files, and what a prepared folder holds."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.training.data.prepare import Report
    from foldwright.training.data.shards import Row

app = typer.Typer(no_args_is_help=True, help="Chains to train on: prepare them, look at them.", rich_markup_mode=None)
MOST_NAMED = 10  # things told one by one


@app.command()
def prepare(
    sources: Annotated[list[Path], Argument(help="Folders of PDB or mmCIF files, or a chains.npz.")],
    out: Annotated[Path, Option(help="Folder for the shards.")],
    alignments: Annotated[
        list[Path] | None,
        Option(help="Folder of .a3m[.gz] files, matched by chain name or by sequence; may be repeated."),
    ] = None,
    kinds: Annotated[str, Option(help="Kinds of chains to keep, with commas.")] = "exp,clean,backbone_only",
    max_resolution: Annotated[float, Option(help="Angstrom; 0 for any.")] = 9.0,
    min_length: Annotated[int, Option(help="Residues.")] = 16,
    max_length: Annotated[int, Option(help="Residues; 0 for any.")] = 0,
    max_breaks: Annotated[int, Option(help="Chain breaks; 0 for any.")] = 0,
) -> None:
    """Turn structures and alignments into a folder that `foldwright train --data` reads.

    What was finished is kept if it is interrupted; the same command goes on from there.
    """
    from foldwright.training.data import prepare as preparing
    from foldwright.training.data.filters import Filters, check_kinds

    wanted = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    if (wrong := check_kinds(wanted)) is not None:
        raise InputError(
            f'there is no kind "{wrong}".', field="--kinds", remedy="See `foldwright data prepare --help`."
        )
    filters = Filters(
        kinds=wanted,
        max_resolution=max_resolution,
        min_length=min_length,
        max_length=max_length,
        max_breaks=max_breaks,
    )
    report = preparing.prepare(sources, out, filters, alignments or ())
    _tell(report)
    print(f"→ {out}")


@app.command()
def show(
    folder: Annotated[Path, Argument(help="A folder made by `foldwright data prepare`.")],
    verify: Annotated[bool, Option("--verify", help="Compare every shard with its hash.")] = False,
) -> None:
    """Say what a prepared folder holds."""
    from foldwright.training.data.shards import ShardedChains

    chains = ShardedChains(folder)
    if verify:
        chains.verify()
        print(f"{len(chains.notes['shards'])} shards are as they were written")
    print("\n".join(summary(chains.manifest)))


def summary(rows: Sequence[Row]) -> list[str]:
    """A line for every split."""
    lines = []
    for split in sorted({row.split for row in rows}):
        part = [row for row in rows if row.split == split]
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in Counter(row.kind for row in part).most_common())
        lengths = [row.length for row in part]
        lines.append(
            f"{split:8} {len(part):,} chains in {len({row.cluster for row in part}):,} clusters · "
            f"{min(lengths)}-{max(lengths)} residues · {sum(row.depth > 1 for row in part):,} with alignments · "
            f"{sum(row.is_core for row in part):,} core · {kinds}"
        )
    return lines


def _tell(report: Report) -> None:
    print("\n".join(summary(report.rows)))
    if report.num_reused:
        print(f"{report.num_reused} shards were there already")
    for why, count in report.reasons.items():
        print(f"dropped {count:,}: {why}", file=sys.stderr)
    for file, why in list(report.unreadable.items())[:MOST_NAMED]:
        print(f"skipped {file}: {why}", file=sys.stderr)
