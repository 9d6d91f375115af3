"""The structures that template hits name: where their files are, and what became of withdrawn entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure
from foldwright.io.text import read_lines

OBSOLETE = "obsolete.dat"  # the PDB's own name for its list of withdrawn entries


@dataclass(frozen=True)
class TemplateStructures:
    """A folder of mmCIF files of the PDB, flat or divided by the two middle letters of their codes, packed or not.

    folders     hold `1abc.cif`, `1abc.cif.gz` or `ab/1abc.cif.gz`; the first that has an entry counts
    successors  for each withdrawn entry the one that replaced it, or None; default: what `obsolete.dat` in a folder
                or beside it says
    reasons     why an entry is in none of the folders, where that is known
    """

    folders: tuple[Path, ...]
    successors: Mapping[str, str | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, *folders: str | Path, obsolete: str | Path | None = None) -> TemplateStructures:
        """Folders as databases have them, with the list of withdrawn entries if there is one.

        Raises InputError if a folder or the list is missing or cannot be read.
        """
        places = tuple(map(Path, folders))
        for folder in places:
            if not folder.is_dir():
                remedy = "Give the folder that holds the mmCIF files of the PDB."
                raise InputError("no such folder.", file=folder, field="templates", remedy=remedy)
        beside = (place / OBSOLETE for folder in places for place in (folder, folder.parent))
        listed = Path(obsolete) if obsolete else next(filter(Path.is_file, beside), None)
        return cls(places, read_obsolete(listed) if listed else {})

    def current(self, pdb_id: str) -> str | None:
        """The code under which an entry is found today; None if it was withdrawn without a successor."""
        name, seen = pdb_id.lower(), set()
        while name in self.successors and name not in seen:
            seen.add(name)
            successor = self.successors[name]
            if successor is None:
                return None
            name = successor
        return name

    def find(self, pdb_id: str) -> Path | None:
        """The file of an entry, or None."""
        return next((path for path in self._places(pdb_id.lower()) if path.is_file()), None)

    def why_missing(self, pdb_id: str) -> str:
        """The reason why there is no file of an entry."""
        return self.reasons.get(pdb_id.lower(), "no structure file")

    def read(self, path: Path) -> Structure:
        """The protein chains of a file; the latest is kept, for hits on several chains of one entry."""
        return _read(path)

    def _places(self, pdb_id: str) -> Iterator[Path]:
        divided = (pdb_id[-3:-1], "mmcif_files")
        for folder in (place for top in self.folders for place in (top, *(top / name for name in divided))):
            for name in (pdb_id, pdb_id.upper()):
                for ending in (".cif", ".cif.gz"):
                    yield folder / f"{name}{ending}"


_read = lru_cache(maxsize=1)(read_structure)


def read_obsolete(path: str | Path) -> dict[str, str | None]:
    """The PDB's list of withdrawn entries: code to that of its successor, or None.

    Lines read `OBSLTE    31-JUL-94 116L     216L`; of several successors the first counts.
    """
    rows = (line.lower().split() for line in read_lines(path) if line.startswith("OBSLTE"))
    return {row[2]: row[3] if len(row) > 3 else None for row in rows if len(row) > 2}
