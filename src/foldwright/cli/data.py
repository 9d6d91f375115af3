"""`foldwright data`: chains to train on, from structure files, and what a prepared folder holds."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.training.data.prepare import Report
    from foldwright.training.data.shards import Row

app = typer.Typer(no_args_is_help=True, help="Chains to train on: prepare them, look at them.", rich_markup_mode=None)
MOST_NAMED = 5  # things told one by one


@app.command()
def prepare(
    sources: Annotated[list[Path], Argument(help="Folders of PDB or mmCIF files, or a chains.npz.")],
    out: Annotated[Path, Option(help="Folder for the shards.")],
    alignments: Annotated[
        list[Path] | None,
        Option(help="Folder of .a3m[.gz] files, matched by chain name or by sequence; may be repeated."),
    ] = None,
    kinds: Annotated[str, Option(help="Kinds of chains to keep, with commas.")] = "exp,clean,backbone_only",
    max_resolution: Annotated[float, Option(help="Angstrom; 0 for any. Unknown ones are kept.", min=0)] = 9.0,
    min_length: Annotated[int, Option(help="Residues.", min=1)] = 16,
    max_length: Annotated[int, Option(help="Residues; 0 for any.", min=0)] = 0,
    max_breaks: Annotated[int | None, Option(help="Chain breaks allowed. Default: any number.", min=0)] = None,
    min_resolved: Annotated[float, Option(help="Share of residues with a backbone.", min=0, max=1)] = 0.5,
    max_single_residue: Annotated[float, Option(help="Share of one amino acid that is too much.", min=0, max=1)] = 0.8,
    val_fraction: Annotated[float, Option(help="Share of families set aside for validation.", min=0, max=1)] = 0.05,
    workers: Annotated[int, Option(help="Processes that read structures.", min=1)] = 1,
) -> None:
    """Turn structures and alignments into a folder that `foldwright train --data` reads.

    What was finished is kept if it is interrupted; the same command goes on from there.
    """
    from foldwright.training.data import prepare as preparing
    from foldwright.training.data.filters import Filters

    filters = Filters(
        kinds=_kinds(kinds),
        max_resolution=max_resolution,
        min_length=min_length,
        max_length=max_length,
        max_breaks=max_breaks,
        min_resolved=min_resolved,
        max_single_residue=max_single_residue,
    )
    with _progress() as progress:
        report = preparing.prepare(sources, out, filters, alignments or (), val_fraction, workers, progress)
    _tell(report)
    print(f"→ {out}")


def _kinds(text: str) -> tuple[str, ...]:
    """Raises InputError for a word that is no kind."""
    from foldwright.training.data.chain import KINDS

    wanted = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    wrong = [kind for kind in wanted if kind not in KINDS]
    if wrong or not wanted:
        message = f'"{wrong[0] if wrong else text}" is no kind of chain.'
        raise InputError(message, field="--kinds", remedy=f"Known kinds: {', '.join(KINDS)}.")
    return wanted


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading structures", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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
    for why, names in report.reasons.items():
        more = f" and {len(names) - MOST_NAMED} more, see manifest.json" * (len(names) > MOST_NAMED)
        print(f"dropped {len(names):,}: {why} ({', '.join(names[:MOST_NAMED])}{more})", file=sys.stderr)
    for file, why in report.unreadable.items():
        print(f"skipped {file}: {why}", file=sys.stderr)
    if all(row.split == "train" for row in report.rows):
        print("no chain is set aside for validation: the sources hold too few families", file=sys.stderr)
