"""A database of one's own: FASTA files joined and checked, counted for E-values, and made ready for MMseqs2."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.search.databases.receipts import write_receipt
from foldwright.search.databases.unpacking import opened

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_RESIDUES = re.compile(r"[A-Za-z]*\*?")
_CHECK_EVERY = 100_000  # lines


@dataclass(frozen=True)
class Built:
    """What was made. `mmseqs` is the prefix of the database of MMseqs2, None without that program."""

    fasta: Path
    sequences: int
    residues: int
    mmseqs: Path | None


def build(sources: Sequence[Path], folder: Path, name: str, *, with_mmseqs: bool | None = None) -> Built:
    """Join FASTA files (gzip, Zstandard or plain) to the database `name` in a folder of databases.

    `with_mmseqs`: None makes its database if the program is installed. Raises InputError naming the line that is no
    FASTA, if the database exists, or if MMseqs2 is missing or fails.
    """
    _check(sources, folder, name)
    program = shutil.which("mmseqs") if with_mmseqs is not False else None
    if with_mmseqs and program is None:
        remedy = "Install it: `sudo apt install mmseqs2`, or `conda install -c bioconda mmseqs2`."
        raise InputError("mmseqs is not installed.", field="--mmseqs", remedy=remedy)
    target = folder / f"{name}.fasta"
    with atomic_write(target, "wb") as out:
        for line in _lines(sources):
            out.write(line)
    try:
        from foldwright.search.hmmer.sequences import measure

        size = measure(target, beside=True)
        mmseqs = _mmseqs(program, target, folder / f"{name}_db") if program else None
    except BaseException:
        target.unlink()
        raise
    known = {"database": name, "sequences": size.sequences, "residues": size.residues, "sha256": size.sha256}
    write_receipt(folder, name, target.name, **known, sources=[str(path.absolute()) for path in sources])
    return Built(target, size.sequences, size.residues, mmseqs)


def _check(sources: Sequence[Path], folder: Path, name: str) -> None:
    if not _NAME.fullmatch(name):
        remedy = "Use letters, digits, _ . + and -."
        raise InputError(f'"{name}" cannot be the name of a file.', field="--name", remedy=remedy)
    if (folder / f"{name}.fasta").exists():
        remedy = "Choose another --name, or remove it first."
        raise InputError("this database exists.", file=folder / f"{name}.fasta", field="--name", remedy=remedy)
    for path in sources:
        if not path.is_file():
            raise InputError("there is no such file.", file=path, remedy="Give FASTA files.")


def _lines(sources: Iterable[Path]) -> Iterator[bytes]:
    """The lines of all files as they are to be written: without blanks, stops and empty lines."""
    for path in sources:
        with opened(path) as file:
            yield from _checked(file, path)


def _checked(file: Iterable[bytes], path: Path) -> Iterator[bytes]:
    length, number, header = -1, 0, 0  # residues of the present record, -1 before the first
    for number, line in enumerate(file, 1):
        if number % _CHECK_EVERY == 0:
            interrupts.check()
        if line.startswith(b">"):
            _check_record(length, header, path)
            length, header = 0, number
            yield line.rstrip() + b"\n"
        elif letters := b"".join(line.split()):
            if length < 0 or not _RESIDUES.fullmatch(letters.decode("latin-1")):
                what = "text stands before the first header" if length < 0 else "this is no line of residues"
                remedy = "Give FASTA files: `>name`, then letters; gaps are not allowed."
                raise InputError(f"{what}.", file=path, line=number, remedy=remedy)
            length += len(letters)
            yield letters.rstrip(b"*") + b"\n"
    _check_record(length if number else -1, header, path)
    if length < 0:
        raise InputError("the file holds no record.", file=path, remedy="Was it written completely?")


def _check_record(length: int, header: int, path: Path) -> None:
    if length == 0:
        raise InputError("this record has no residues.", file=path, line=header, remedy="Remove it.")


def _mmseqs(program: str, fasta: Path, prefix: Path) -> Path:
    """MMseqs2's own form of the sequences, which appears when it is whole."""
    with tempfile.TemporaryDirectory(prefix=".mmseqs-", dir=fasta.parent) as scratch:
        made = Path(scratch) / prefix.name
        command = [program, "createdb", str(fasta), str(made), "--shuffle", "0", "-v", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            remedy = "Is there room on the disk? Or build without it: --no-mmseqs."
            raise InputError(f"mmseqs createdb failed: {(done.stderr or done.stdout).strip()[-300:]}", remedy=remedy)
        files = sorted(made.parent.iterdir(), key=lambda path: path.name == f"{prefix.name}.dbtype")
        for path in files:  # the file by which a database is recognised comes last
            path.replace(prefix.with_name(path.name))
    return prefix
