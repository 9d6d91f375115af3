"""Which alignment files belong to a job, and to which of its chains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.a3m import not_the_query, parse_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.colabfold import complex_header, parse_complex
from foldwright.io.job import ChainInput, Job, JobList
from foldwright.io.stockholm import parse_stockholm
from foldwright.io.text import read_lines, stem, suffix

SUFFIXES = (".a3m", ".sto")
_ROLES = {"": "alignment", ".candidates": "candidates", ".paired": "paired"}  # `A.candidates.a3m`: fields of ChainInput


@dataclass(frozen=True)
class Found:
    """Files for a whole job, or for the chain at `place`."""

    place: int | None
    files: list[Path]


@dataclass(frozen=True)
class Finder:
    """Looks in one folder for `name.a3m`, `name_A.a3m`, and with `subfolders` for whatever `name/` holds.

    `name.candidates.a3m` and `name.paired.a3m` are found with them.
    """

    folder: Path
    jobs: JobList
    subfolders: bool = False
    _names: set[str] = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "_names", {job.name for job in self.jobs})

    def find(self, job: Job) -> list[Found]:
        """The only job of a file may also be found under the name of that file."""
        is_alone = sum(other.source == job.source for other in self.jobs) == 1
        whole = [job.name, stem(job.source)] if job.source and is_alone else [job.name]
        found = [Found(None, next(filter(None, map(self._files, whole)), []))]
        for place, letter in enumerate(job.chain_ids):
            name = f"{job.name}_{letter}"
            found += [Found(place, self._files(name))] if name not in self._names else []
        return [group for group in found if group.files]

    def _files(self, name: str) -> list[Path]:
        endings = product(_ROLES, SUFFIXES, ("", ".gz"))
        named = [self.folder / f"{name}{role}{kind}{packed}" for role, kind, packed in endings]
        inside = self.folder / name
        if self.subfolders and inside.is_dir():
            named += sorted(file for file in inside.iterdir() if suffix(file) in SUFFIXES)
        return [file for file in named if file.is_file()]


def attach(job: Job, groups: Sequence[Found]) -> Job:
    """The job with these alignments. Chains of one sequence share theirs, unless each has its own.

    Raises InputError if an alignment is of another sequence than the job.
    """
    chains = list(job.chains)
    for group in groups:
        wanted = job.sequences if group.place is None else (job.sequences[group.place],)
        read = [(role_of(file), read_chains(file, wanted)) for file in group.files]
        whole = next((found for role, found in read if role == "alignment" and len(found) > 1), None)
        if whole:
            chains = list(whole)
        for role in _ROLES.values():
            if role != "alignment" or not whole:
                own = [chain for kind, found in read if kind == role for chain in found]
                chains = list(_shared(chains, own, group.place, role))
    return replace(job, chains=tuple(chains))


def role_of(file: Path) -> str:
    """Which field of ChainInput a file is for, by its name: `A.candidates.a3m` is no alignment of a chain."""
    return _ROLES.get(Path(stem(file)).suffix, "alignment")


def read_chains(file: Path, sequences: Sequence[str] = ()) -> tuple[ChainInput, ...]:
    """What an alignment file holds: one chain, or all of a complex; fitting `sequences` if there are any."""
    lines = read_lines(file)
    if suffix(file) != ".sto" and complex_header(lines):
        return _in_order(parse_complex(lines, file), sequences, file)
    read = parse_a3m if suffix(file) != ".sto" else lambda *of: parse_stockholm(*of).alignment()
    alignment = read(lines, file)
    name = alignment.descriptions[0]
    if sequences and alignment.query not in sequences:
        line = next(i for i, line in enumerate(lines, 1) if line.removeprefix(">").strip().startswith(name))
        raise not_the_query(name, alignment.query, sequences[0], file=file, line=line + lines[line - 1].startswith(">"))
    return (ChainInput(alignment.query, alignment),)


def _in_order(chains: tuple[ChainInput, ...], sequences: Sequence[str], file: Path) -> tuple[ChainInput, ...]:
    """The chains of a complex as the job lists them."""
    if not sequences:
        return chains
    if sorted(chain.sequence for chain in chains) != sorted(sequences):
        message = f"the alignment is of {len(chains)} chains that are not the {len(sequences)} of the job."
        raise InputError(message, file=file, line=1, remedy="Was this alignment made for another complex?")
    by_sequence = {chain.sequence: chain for chain in chains}
    return tuple(by_sequence[sequence] for sequence in sequences)


def _shared(
    chains: Sequence[ChainInput], found: Sequence[ChainInput], place: int | None, role: str
) -> Iterator[ChainInput]:
    """Every chain with the rows of its sequence; those of another place only if it has none yet."""
    for i, chain in enumerate(chains):
        own = [other.alignment for other in found if other.sequence == chain.sequence and other.alignment]
        is_free = i == place or getattr(chain, role) is None
        yield replace(chain, **{role: Alignment.concatenate(own)}) if own and is_free else chain
