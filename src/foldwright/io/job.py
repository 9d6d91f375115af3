"""What a person asks to be folded: chains, each with its alignment if there is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from string import ascii_uppercase
from typing import overload

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit

MAX_NAME_LENGTH = 120  # file systems allow 255 bytes; what we append to a name needs some of them


@dataclass(frozen=True)
class TemplateInput:
    """A chain of a structure file, to be laid over a chain of the job.

    file     mmCIF or PDB
    chain    the author's name of its chain; None is the one that resembles the sequence most
    mapping  (residue of the sequence, residue of the chain), both from 0, residues that were not seen counted;
             None aligns the sequences
    name     what records call it: `1abc_A`
    """

    file: Path
    chain: str | None = None
    mapping: tuple[tuple[int, int], ...] | None = None
    name: str = ""


@dataclass(frozen=True)
class ChainInput:
    """One chain: its sequence and what is known of its relatives.

    alignment   rows found for this chain alone; the first row is `sequence`
    paired      rows whose n-th stands beside the n-th row of the other chains of the job (same species or genome)
    candidates  rows among which those of one species may be found for each chain; the first row is `sequence`
    templates   structures of relatives, best first
    template_hits  what a search for templates found, to be chosen from where no templates are given
    """

    sequence: str
    alignment: Alignment | None = None
    paired: Alignment | None = None
    candidates: Alignment | None = None
    templates: tuple[TemplateInput, ...] = ()
    template_hits: tuple[TemplateHit, ...] = ()


@dataclass(frozen=True)
class Job:
    """One structure to predict. `name` is safe in file names; `source` and `line` say where it was asked for."""

    name: str
    chains: tuple[ChainInput, ...]
    source: Path | None = None
    line: int | None = None

    @property
    def sequences(self) -> tuple[str, ...]:
        return tuple(chain.sequence for chain in self.chains)

    @property
    def num_residues(self) -> int:
        return sum(map(len, self.sequences))

    @property
    def chain_ids(self) -> tuple[str, ...]:
        return tuple(chain_id(i) for i in range(len(self.chains)))


@dataclass(frozen=True)
class Failure:
    """A record that cannot be folded, and why."""

    name: str
    error: InputError


@dataclass(frozen=True)
class JobList(Sequence[Job]):
    """The jobs that can run, in their order, beside those that cannot: no bad record takes a good one with it."""

    jobs: tuple[Job, ...] = ()
    failures: tuple[Failure, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Job]: ...
    def __getitem__(self, index):
        return self.jobs[index]

    def __len__(self) -> int:
        return len(self.jobs)

    def __add__(self, other: JobList) -> JobList:
        return JobList(self.jobs + other.jobs, self.failures + other.failures)

    def refusing_duplicates(self) -> JobList:
        """Without jobs whose name an earlier job has; where upper and lower case are one, so are the names."""
        first: dict[str, Job] = {}
        failures = list(self.failures)
        for job in self.jobs:
            earlier = first.setdefault(job.name.casefold(), job)
            if earlier is not job:
                failures.append(Failure(job.name, _same_name(job, earlier)))
        return JobList(tuple(first.values()), tuple(failures))


def chain_id(index: int) -> str:
    """A, B, ... Z, AA, AB, ...: names of chains in the order of the input."""
    names = ("".join(word) for size in (1, 2, 3) for word in product(ascii_uppercase, repeat=size))
    return next(islice(names, index, None))


def safe_name(text: str) -> str:
    """A name that any file system takes: letters, digits, `.`, `-` and single `_`; empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("._-")[:MAX_NAME_LENGTH].rstrip("._-")


def _same_name(job: Job, earlier: Job) -> InputError:
    elsewhere = "" if earlier.source == job.source else f" of {earlier.source}"
    return InputError(
        f'the name "{job.name}" is already used on line {earlier.line or 1}{elsewhere}.',
        file=job.source,
        line=job.line or 1,
        remedy="Give every record its own name; it names the output folder.",
    )
