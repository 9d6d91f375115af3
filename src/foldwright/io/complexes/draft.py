"""A job while it is read: its parts as far as they could be understood, and where each was written."""

from __future__ import annotations

from pathlib import Path

from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import AtomReference, ComplexJob, Entity

Place = tuple[str | int, ...]  # ("entities", 2, "sequence")


class Draft:
    """What a dialect fills and the checks read; a part that is None could not be understood."""

    def __init__(self, top: Field):
        self.fields: dict[Place, Field] = {(): top}
        self.faults = top.faults
        self.name: str | None = None
        self.seeds: list[int] = []
        self.entities: list[Entity | None] = []
        self.bonds: list[tuple[AtomReference, AtomReference] | None] = []
        self.user_ccd: str | None = None
        self.files: dict[Place, Path] = {}  # parts that stand in a file of their own

    @property
    def top(self) -> Field:
        return self.fields[()]

    def note(self, place: Place, field: Field) -> Field:
        """Remember where a part stands."""
        self.fields[place] = field
        return field

    def at(self, place: Place) -> Field:
        """The field of a part, or the nearest that holds it."""
        while place not in self.fields:
            place = place[:-1]
        return self.fields[place]

    def refuse(self, place: Place, message: str, remedy: str | None = None, letter: int | None = None) -> None:
        """Note a fault of a part; `letter` counts only where the part itself was written down."""
        self.at(place).refuse(message, remedy, letter if place in self.fields else None)

    def job(self) -> ComplexJob | None:
        """The job, unless something is wrong with it."""
        entities = tuple(entity for entity in self.entities if entity is not None)
        bonds = tuple(bond for bond in self.bonds if bond is not None)
        if self.faults.found or not self.name:
            return None
        file: Path | None = self.faults.file
        line = self.top.located.line
        return ComplexJob(self.name, entities, tuple(self.seeds), bonds, self.user_ccd, file, line)
