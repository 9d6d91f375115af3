"""Published parameters on this machine: the cache folder, fetching a publication into it, and its receipt."""

import datetime
import json
import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from foldwright.errors import InputError
from foldwright.io.cache_folder import cache_folder
from foldwright.io.download import PATIENT, Patience, Receipt, Report, disk_faults, download, silent
from foldwright.weights.catalog import Publication

PARAMETER_FILE = re.compile(r"params_(model_[1-5](_ptm|_multimer_v[23])?)\.npz")


def folder_of(publication: Publication) -> Path:
    """Where a publication's files lie once they are fetched."""
    return cache_folder() / "published" / publication.name


@dataclass(frozen=True)
class Fetched:
    """A publication that is here."""

    publication: Publication
    files: tuple[Path, ...]
    receipt: dict[str, Any]


def find_fetched(publication: Publication, folder: Path | None = None) -> Fetched | None:
    """The publication's files if all of them are here."""
    folder = folder or folder_of(publication)
    receipt = _read_receipt(folder)
    files = tuple(folder / name for name in receipt.get("files", ()))
    return Fetched(publication, files, receipt) if files and all(f.is_file() for f in files) else None


def fetch(
    publication: Publication,
    folder: Path | None = None,
    *,
    patience: Patience = PATIENT,
    report: Report = silent,
) -> Fetched:
    """Download and unpack a publication, unless it is here; a hash seen before must be seen again.

    Raises:
        InputError: see `download`; or the publisher's file is no longer the one fetched before.
    """
    folder = folder or folder_of(publication)
    if here := find_fetched(publication, folder):
        return here
    seen = _read_receipt(folder).get("sha256")
    target = folder / publication.file_name
    receipt = download(
        publication.urls,
        target,
        sha256=publication.sha256 or seen,
        stated_by="the catalogue" if publication.sha256 else "the receipt of an earlier download (receipt.json)",
        room_factor=2.0 if publication.is_archive else 1.0,
        patience=patience,
        report=report,
    )
    files = unpack(target, folder) if publication.is_archive else [target]
    _write_receipt(folder, publication, receipt, files)
    if publication.is_archive:
        target.unlink()
    found = find_fetched(publication, folder)
    assert found is not None
    return found


def unpack(archive: Path, folder: Path) -> list[Path]:
    """The `params_<model>.npz` members of a tar, and nothing else of it; each appears whole.

    Raises:
        InputError: not a tar, cut short, or without any parameter file.
    """
    files: list[Path] = []
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if member.isreg() and PARAMETER_FILE.fullmatch(name):
                    files.append(_unpack_one(tar, member, folder / name))
    except (tarfile.TarError, EOFError) as fault:
        raise InputError(
            f"this archive cannot be unpacked: {fault}.", file=archive, remedy="Delete it and fetch it again."
        ) from fault
    if not files:
        raise InputError("this archive holds no params_<model>.npz.", file=archive, remedy="Is it the right file?")
    return sorted(files)


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> Path:
    if target.is_file() and target.stat().st_size == member.size:
        return target
    part = target.with_name(target.name + ".part")
    with disk_faults(target, member.size):
        try:
            with part.open("wb") as file:
                shutil.copyfileobj(cast(IO[bytes], tar.extractfile(member)), file)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    return target


def _read_receipt(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "receipt.json").read_text())
    except (OSError, ValueError):
        return {}


def _write_receipt(folder: Path, publication: Publication, receipt: Receipt, files: list[Path]) -> None:
    note = {
        "name": publication.name,
        "publisher": publication.publisher,
        "url": receipt.url,
        "bytes": receipt.num_bytes,
        "sha256": receipt.sha256,
        "checked_against": receipt.checked_against,
        "licence": publication.licence,
        "citations": publication.citations,
        "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": [file.name for file in files],
    }
    part = folder / "receipt.json.part"
    part.write_text(json.dumps(note, indent=1))
    os.replace(part, folder / "receipt.json")
