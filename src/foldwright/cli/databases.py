"""`foldwright databases`: what is published and how large, fetching it, building one's own, checking what is here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from foldwright.search.databases.fetch import Planned

app = typer.Typer(
    no_args_is_help=True, help="Sequence and structure databases: list, fetch, build, check.", rich_markup_mode=None
)
WORTH_ASKING = 1_000_000_000  # bytes from which on a download is asked about

Folder = Annotated[
    Path | None, Option("--databases", metavar="DIR", help="Folder of databases. Default: $FOLDWRIGHT_DATABASES.")
]


@app.command("list")
def list_(databases: Folder = None) -> None:
    """Show what is published, how large it is, on what terms, and what is here."""
    from foldwright.search.databases.catalog import RELEASES, SETS
    from foldwright.search.databases.embedded import embedded
    from foldwright.search.databases.fetch import where

    folder = _folder(databases, is_needed=False)
    table = _table("name", "*GB", "*GB unpacked", "here", "kind", "date", "licence", "remark")
    for release in RELEASES.values():
        here = "yes" if folder is not None and where(release, folder) else ""
        sizes = (_gigabytes(release.packed), _gigabytes(release.unpacked))
        table.add_row(release.name, *sizes, here, release.kind, release.date, release.licence, release.remark)
    _show(table)
    sets = _table("set", "*GB", "*GB unpacked", "databases")
    for name, members in SETS.items():
        chosen = [RELEASES[member] for member in members]
        sizes = (_total([each.packed for each in chosen]), _total([each.unpacked for each in chosen]))
        sets.add_row(name, *sizes, ", ".join(members))
    print()
    _show(sets)
    print("\n? where the publisher does not say: `fetch` asks the server before it begins.")
    print(f"folder: {folder or 'none; name one with --databases or $FOLDWRIGHT_DATABASES'}")
    print(f"embedded, for demonstrations: {embedded()}")


@app.command()
def fetch(
    names: Annotated[
        list[str], Argument(help="Sets or names from `foldwright databases list`: af2_reduced, uniref90.")
    ],
    databases: Folder = None,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask before large downloads.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show the sizes and whether there is room.")] = False,
) -> None:
    """Download published databases; an interrupted download goes on where it stopped."""
    from foldwright.cli.weights import progress
    from foldwright.search.databases.catalog import releases
    from foldwright.search.databases.fetch import check_room, plan
    from foldwright.search.databases.fetch import fetch as fetch_release

    folder = _folder(databases)
    assert folder is not None
    chosen = {release.name: release for name in names for release in releases(name)}
    planned = plan(list(chosen.values()), folder)
    _show_plan(planned)
    check_room(planned, folder)
    if dry_run:
        return
    _confirm(planned, yes)
    for each in planned:
        if each.here is None:
            with progress(each.release.name) as report:
                found = fetch_release(each.release, folder, report=report, unpacking=report)
            print(f"{each.release.name}: {found}")


def _show_plan(planned: Sequence[Planned]) -> None:
    table = _table("name", "*GB to download", "*GB on the disk", "licence", "here already")
    for each in planned:
        sizes = ("", "") if each.here else (_gigabytes(each.packed), _gigabytes(each.unpacked))
        table.add_row(each.release.name, *sizes, each.release.licence, str(each.here or ""))
    missing = [each for each in planned if each.here is None]
    if len(missing) > 1:
        sizes = (_total([each.packed for each in missing]), _total([each.unpacked for each in missing]))
        table.add_row("together", *sizes)
    _show(table)


def _confirm(planned: Sequence[Planned], yes: bool) -> None:
    """Ask a person; where nobody can be asked, large downloads need --yes."""
    missing = [each for each in planned if each.here is None]
    is_large = any(each.packed is None for each in missing) or sum(each.packed or 0 for each in missing) > WORTH_ASKING
    if yes or not missing or not is_large:
        return
    if not sys.stdin.isatty():
        raise InputError("this is a large download.", field="--yes", remedy="Add --yes to begin it.")
    typer.confirm("Download these?", abort=True)


@app.command()
def build(
    files: Annotated[list[Path], Argument(help="FASTA files, plain or packed (.gz, .zst).")],
    name: Annotated[str, Option(help="What the database is called; a name of the catalogue makes it that one.")],
    databases: Folder = None,
    mmseqs: Annotated[
        bool | None, Option("--mmseqs/--no-mmseqs", help="Also for mmseqs. Default: if it is installed.")
    ] = None,
) -> None:
    """Make a database of your own from FASTA files: joined, checked, counted."""
    from foldwright.search.databases.build import build as build_database

    folder = _folder(databases)
    assert folder is not None
    built = build_database(files, folder, name, with_mmseqs=mmseqs)
    print(f"{name}: {built.sequences:,} sequences, {built.residues:,} residues in {built.fasta}")
    print(f"for mmseqs: {built.mmseqs}" if built.mmseqs else "not made for mmseqs")


@app.command()
def check(
    databases: Annotated[Path | None, Argument(help="Folder of databases. Default: $FOLDWRIGHT_DATABASES.")] = None,
    hashes: Annotated[bool, Option("--hashes", help="Read whole files and compare their hashes; takes long.")] = False,
) -> None:
    """Say what a folder of databases holds, whether it is whole, and which presets can search it."""
    from foldwright.search.databases.check import survey

    folder = _folder(databases)
    assert folder is not None
    found = survey(folder, hashes)
    table = _table("database", "kind", "*GB", "from", "path or trouble")
    for finding in found.findings.values():
        if finding.path is not None or finding.troubles:
            told = "; ".join(finding.troubles) or str(finding.path)
            table.add_row(finding.name, finding.kind, _gigabytes(finding.num_bytes), finding.source, told)
    _show(table)
    for name in found.unfinished:
        print(f"begun and not finished: {name}; `foldwright databases fetch {name}` goes on")
    print()
    for preset, missing in found.missing.items():
        print(f"--preset {preset}: {'not without ' + ', '.join(missing) if missing else 'usable'}")
    print("--preset local: every FASTA file that lies directly in the folder")
    if any(finding.troubles for finding in found.findings.values()):
        raise typer.Exit(1)


def _folder(named: Path | None, is_needed: bool = True) -> Path | None:
    chosen = named or os.environ.get("FOLDWRIGHT_DATABASES")
    if chosen is None and is_needed:
        remedy = "Name it with --databases, or set FOLDWRIGHT_DATABASES once and for all."
        raise InputError("no folder of databases was named.", field="--databases", remedy=remedy)
    return None if chosen is None else Path(chosen).expanduser()


def _table(*titles: str) -> Table:
    """An empty table; titles that begin with * are above numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title.lstrip("*"), justify="right" if title.startswith("*") else "left", overflow="fold")
    return table


def _show(table: Table) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _gigabytes(num_bytes: int | None) -> str:
    if num_bytes is None:
        return "?"
    gigabytes = num_bytes / 1e9
    return f"{gigabytes:,.0f}" if gigabytes >= 100 else f"{gigabytes:.1f}" if gigabytes >= 0.1 else f"{gigabytes:.4f}"


def _total(sizes: Sequence[int | None]) -> str:
    """The sum, marked if some are not known."""
    known = [size for size in sizes if size is not None]
    return " + ".join([_gigabytes(sum(known))] * bool(known) + ["?"] * (None in sizes))
