"""The jobs of a results folder and how each stands: what `foldwright jobs` shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import PART, atomic_write
from foldwright.pipeline.plan import Task
from foldwright.pipeline.records import read_json, to_json

WAITING, SEARCHING, PREDICTING, RELAXING = "waiting", "searching", "predicting", "relaxing"
DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"
ACTIVE = (SEARCHING, PREDICTING, RELAXING)
STATES = (WAITING, *ACTIVE, DONE, FAILED, INTERRUPTED)

MANIFEST = "jobs.json"
LOCKS = ".locks"
OWN_LOCK = "_jobs"  # no job has such a name


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One job of the manifest; of one that could not be read there is only the name."""

    name: str
    residues: int = 0
    chains: int = 0
    models: Sequence[str] = ()
    source: str | None = None
    line: int | None = None

    @classmethod
    def of_task(cls, task: Task) -> Entry:
        job = task.job
        return cls(
            name=job.name,
            residues=task.size,
            chains=len(job.chains),
            models=[network.name for network in task.networks],
            source=None if job.source is None else str(job.source),
            line=job.line,
        )


@dataclass(frozen=True, kw_only=True)
class JobState:
    """How one job stands; `is_held` says whether a living process works on it."""

    entry: Entry
    state: str
    why: str = ""
    is_held: bool = False
    best: str = ""
    score: float | None = None
    ranked_by: str = ""


@dataclass(frozen=True)
class Manifest:
    """The list of a folder's jobs. How a job stands is written in its own folder, so that nobody waits for anybody."""

    folder: Path

    def add(self, entries: Sequence[Entry]) -> None:
        """Add jobs to the list, or correct what it says of them."""
        with self.lock(OWN_LOCK, wait=True):
            for part in self.folder.glob(f".{MANIFEST}.*{PART}"):  # of a process that was killed
                part.unlink(missing_ok=True)
            listed = {entry.name: entry for entry in self.entries()} | {entry.name: entry for entry in entries}
            with atomic_write(self.folder / MANIFEST) as file:
                file.write(to_json({"jobs": [asdict(entry) for entry in listed.values()]}))

    def entries(self) -> list[Entry]:
        """The jobs in the order in which they were first asked for."""
        found = read_json(self.folder / MANIFEST) or {}
        return [Entry(**entry) for entry in found.get("jobs", [])]

    def states(self) -> list[JobState]:
        """Every job and how it stands.

        Raises:
            InputError: the folder has no list of jobs.
        """
        if not (self.folder / MANIFEST).is_file():
            raise InputError(
                "there is no list of jobs here.",
                file=self.folder / MANIFEST,
                remedy="Give the folder that was --out of `foldwright predict`.",
            )
        return [self.state(entry) for entry in self.entries()]

    def state(self, entry: Entry) -> JobState:
        """How one job stands. What no living process holds is not active, whatever its last process wrote."""
        status = read_json(self.folder / entry.name / "status.json") or {}
        state, is_held = status.get("status", WAITING), self.is_held(entry.name)
        if state in ACTIVE and not is_held:
            state = INTERRUPTED
        ranking = read_json(self.folder / entry.name / "ranking.json") if state == DONE else None
        best = _best(ranking or {})
        return JobState(entry=entry, state=state, why=status.get("why", ""), is_held=is_held, **best)

    def written_state(self, name: str) -> str:
        """What the last process that had a job said of it."""
        return (read_json(self.folder / name / "status.json") or {}).get("status", WAITING)

    def was_lost(self, name: str) -> bool:
        """Whether the process that worked on a job ended without a word: perhaps the job's doing."""
        return self.written_state(name) in ACTIVE and not self.is_held(name)

    def is_held(self, name: str) -> bool:
        """Whether a process holds this job."""
        if not (self.folder / LOCKS / name).exists():
            return False
        with self.lock(name) as is_mine:
            return not is_mine

    @contextmanager
    def lock(self, name: str, wait: bool = False) -> Iterator[bool]:
        """Whether this process may work on a job until the block ends; another one holds it if not.

        The system frees what a process held that was killed.
        """
        handle = take(self.folder / LOCKS / name, wait)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                os.close(handle)


def take(path: Path, wait: bool = False) -> int | None:
    """An open handle that holds the lock of this file, or None if another process has it.

    Raises:
        InputError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}.", file=path, remedy="Is there room left?") from error
    with suppress(ImportError):  # where there are no such locks, one process at a time has to do
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            pass
    return handle


def _best(ranking: Mapping[str, Any]) -> dict[str, Any]:
    order = ranking.get("order", [])
    if not order:
        return {}
    return {"best": order[0], "score": ranking["values"][order[0]], "ranked_by": ranking["ranked_by"]}
