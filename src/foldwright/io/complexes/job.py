"""What a person asks to be folded when it may be any molecule: AlphaFold 3's job, whatever file it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from foldwright.errors import InputError


@dataclass(frozen=True)
class Modification:
    """A residue that is another component of the CCD; `position` counts from 1."""

    code: str
    position: int


@dataclass(frozen=True)
class TemplateMapping:
    """A structure of a relative as mmCIF text, and which of its residues lie under which of the query; both from 0."""

    mmcif: str
    query_indices: tuple[int, ...]
    template_indices: tuple[int, ...]


@dataclass(frozen=True)
class Protein:
    """Copies of one protein chain; an alignment or templates that are None are to be searched, empty ones are none."""

    ids: tuple[str, ...]
    sequence: str
    modifications: tuple[Modification, ...] = ()
    unpaired_msa: str | None = None
    paired_msa: str | None = None
    templates: tuple[TemplateMapping, ...] | None = None
    description: str | None = None


@dataclass(frozen=True)
class RNA:
    """Copies of one RNA chain; an alignment that is None is to be searched, an empty one is none."""

    ids: tuple[str, ...]
    sequence: str
    modifications: tuple[Modification, ...] = ()
    unpaired_msa: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class DNA:
    """Copies of one strand; the complement is a chain of its own."""

    ids: tuple[str, ...]
    sequence: str
    modifications: tuple[Modification, ...] = ()
    description: str | None = None


@dataclass(frozen=True)
class Ligand:
    """Copies of a ligand, an ion or a glycan: components of the CCD, one a residue from 1, or one SMILES string."""

    ids: tuple[str, ...]
    ccd_codes: tuple[str, ...] = ()
    smiles: str | None = None
    description: str | None = None


Entity = Protein | RNA | DNA | Ligand
Polymer = Protein | RNA | DNA


@dataclass(frozen=True)
class AtomReference:
    """An atom by its chain, its residue (from 1) and its name in the CCD."""

    chain: str
    residue: int
    atom: str


@dataclass(frozen=True)
class ComplexJob:
    """One complex to predict, once with every seed. `name` is as it was written; `source`, `line` say where."""

    name: str
    entities: tuple[Entity, ...]
    seeds: tuple[int, ...]
    bonds: tuple[tuple[AtomReference, AtomReference], ...] = ()
    user_ccd: str | None = None
    source: Path | None = None
    line: int | None = None

    @property
    def chains(self) -> tuple[tuple[str, Entity], ...]:
        """Every copy of every entity under its id, in the order of the network's tokens: A, B, ... Z, AA, ..."""
        pairs = [(name, entity) for entity in self.entities for name in entity.ids]
        return tuple(sorted(pairs, key=lambda pair: (len(pair[0]), pair[0])))


@dataclass(frozen=True)
class RefusedJob:
    """A job that cannot be folded, and everything that is wrong with it, in the order of the file."""

    name: str
    errors: tuple[InputError, ...]

    @property
    def error(self) -> InputError:
        """The first fault, saying how many follow."""
        first, more = self.errors[0], len(self.errors) - 1
        count = (
            f" ({more} more {'fault' if more == 1 else 'faults'}; `foldwright jobs check` shows all.)" if more else ""
        )
        return InputError(
            first.message + count,
            file=first.file,
            line=first.line,
            column=first.column,
            field=first.field,
            remedy=first.remedy,
        )


@dataclass(frozen=True)
class ComplexJobs(Sequence[ComplexJob]):
    """The jobs that can run, in their order, beside those that cannot: no bad job takes a good one with it."""

    jobs: tuple[ComplexJob, ...] = ()
    failures: tuple[RefusedJob, ...] = ()

    @property
    def errors(self) -> tuple[InputError, ...]:
        """All that is wrong with any of them."""
        return tuple(error for failure in self.failures for error in failure.errors)

    @overload
    def __getitem__(self, index: int) -> ComplexJob: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ComplexJob]: ...
    def __getitem__(self, index):
        return self.jobs[index]

    def __len__(self) -> int:
        return len(self.jobs)

    def __add__(self, other: ComplexJobs) -> ComplexJobs:
        return ComplexJobs(self.jobs + other.jobs, self.failures + other.failures)
