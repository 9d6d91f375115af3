"""What is known of a database that was fetched or built here: where it came from, what it weighs, its hashes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from foldwright.io.atomic import atomic_write

FOLDER = "receipts"
MOST_LISTED = 1000  # files named one by one; of more only their number is kept


def write_receipt(folder: Path, name: str, target: str, **known: Any) -> None:
    """Note what was made, with the sizes of its files."""
    files = sorted(path for path in _files(folder / target) if path.is_file())
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files[: MOST_LISTED + 1]}
    note = {"name": name, "target": target, "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    note |= {"num_files": len(files), "files": sizes if len(files) <= MOST_LISTED else {}, **known}
    with atomic_write(folder / FOLDER / f"{name}.json") as file:
        json.dump(note, file, indent=1)


def read_receipt(folder: Path, name: str) -> dict[str, Any] | None:
    """The note of this name, if there is one that can be read."""
    try:
        note = json.loads((folder / FOLDER / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and {"name", "target", "files", "num_files"} <= note.keys() else None


def read_receipts(folder: Path) -> list[dict[str, Any]]:
    """All notes in a folder of databases."""
    names = sorted(path.stem for path in (folder / FOLDER).glob("*.json"))
    return [note for name in names if (note := read_receipt(folder, name)) is not None]


def faults(folder: Path, note: dict[str, Any]) -> list[str]:
    """How what is here differs from what was noted: files that are missing or have another size."""
    told = []
    for name, size in note["files"].items():
        path = folder / name
        if not path.is_file():
            told.append(f"{name} is missing")
        elif path.stat().st_size != size:
            told.append(f"{name} has {path.stat().st_size:,} bytes and should have {size:,}")
    if (
        not note["files"]
        and (found := sum(path.is_file() for path in _files(folder / note["target"]))) != note["num_files"]
    ):
        told.append(f"{note['target']} has {found:,} files and should have {note['num_files']:,}")
    return told


def _files(target: Path) -> list[Path]:
    return [path for path in target.rglob("*") if path.is_file()] if target.is_dir() else [target]
