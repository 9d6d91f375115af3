"""What is kept beside the results: the alignments that were read. And whether there is room for all of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.a3m import write_a3m
from foldwright.io.alignment import Alignment
from foldwright.pipeline.folder import JobFolder
from foldwright.pipeline.memory import gigabytes
from foldwright.pipeline.plan import Task
from foldwright.pipeline.searching import Searched

BYTES_PER_PAIR = 10  # of the aligned errors, in both of their files
BYTES_PER_RESIDUE = 4_000  # of the structures: about ten atoms in two formats, and the ranked copies
MARGIN = 10_000_000


def keep_alignments(folder: JobFolder, searched: Searched) -> None:
    """`msas/A.a3m` for the first chain of each sequence and `msas/A.paired.a3m` for every chain that is paired."""
    chains = list(zip(searched.job.chain_ids, searched.job.chains, strict=True))
    first = {chain.sequence: name for name, chain in reversed(chains)}
    files = {f"{first[c.sequence]}.a3m": c.alignment or Alignment.of_query(c.sequence) for _, c in chains}
    files |= {f"{name}.paired.a3m": rows for (name, _), rows in zip(chains, searched.pairs, strict=False)}
    for name, rows in files.items():
        folder.write(f"msas/{name}", write_a3m(rows))
    for stale in folder.file("msas").glob("*.a3m"):
        if stale.name not in files:
            stale.unlink()


def require_room(folder: Path, task: Task) -> None:
    """Refuse a job for whose results there is no room, before they are computed.

    Raises:
        InputError: with what is needed and what there is.
    """
    n, count = task.job.num_residues, len(task.keys)
    needed = MARGIN + count * (BYTES_PER_PAIR * n * n + BYTES_PER_RESIDUE * n)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the results of {task.job.name} need about {gigabytes(needed)}; {gigabytes(free)} are free.",
            file=folder,
            remedy="Make room and run the same command again.",
        )
