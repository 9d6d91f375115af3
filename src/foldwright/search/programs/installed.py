"""Programs on this machine: where they are, which version, how they are run, and how to get one that is missing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from foldwright.errors import InputError
from foldwright.search.found import Database

_PACKAGES = {  # program: (Debian and Ubuntu, Bioconda)
    "jackhmmer": ("hmmer", "hmmer"),
    "hmmbuild": ("hmmer", "hmmer"),
    "hmmsearch": ("hmmer", "hmmer"),
    "nhmmer": ("hmmer", "hmmer"),
    "hhblits": ("hhsuite", "hhsuite"),
    "hhsearch": ("hhsuite", "hhsuite"),
    "mmseqs": ("mmseqs2", "mmseqs2"),
}
_VERSION = re.compile(r"(?:HMMER|HHblits|HHsearch)\s+v?(\d\S*?):?(?:\s|$)")
_TOLD = 600  # characters of what a failed program said


def executable(program: str) -> str:
    """The path of a program.

    Raises InputError if it is not installed, saying how to get it.
    """
    found = shutil.which(program)
    if found is None:
        debian, conda = _PACKAGES[program]
        raise InputError(
            f"{program} is not installed.",
            remedy=f"Install it: `sudo apt install {debian}`, or `conda install -c bioconda {conda}`; "
            "or choose --engine pyhmmer and a preset that needs no other program.",
        )
    return found


@cache
def version(program: str) -> str:
    """What a program says of itself."""
    if program == "mmseqs":
        return _output([executable(program), "version"]).strip()
    found = _VERSION.search(_output([executable(program), "-h"]))
    return found[1] if found else "unknown"


def call(program: str, *arguments: object, folder: Path) -> None:
    """Run a program to its end in a folder; it ends with us.

    Raises InputError with the last it said if it fails.
    """
    command = [executable(program), *map(str, arguments)]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # some programs are scripts: what they start has to end with them
    ) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise InputError(
            f"{program} ended with code {process.returncode}: {said.strip()[-_TOLD:]}",
            remedy="Is the database complete (`foldwright databases check`), and is there memory and room enough?",
        )


def one_file(database: Database) -> Sequence[Path]:
    """The FASTA file of a database.

    Raises InputError if it is not there.
    """
    if not database.path.is_file():
        remedy = f"Fetch it with `foldwright databases fetch {database.name}`."
        raise InputError(f"the database {database.name} is not there.", file=database.path, remedy=remedy)
    return (database.path,)


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr
