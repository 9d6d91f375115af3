"""Where chains come from: files of structures, or arrays of many chains."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from foldwright.chem.residues import UNKNOWN
from foldwright.errors import InputError
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure
from foldwright.io.text import read_lines, stem, suffix
from foldwright.training.data.chain import Chain
from foldwright.training.data.stamps import stamp

STRUCTURES = (".cif", ".mmcif", ".pdb", ".ent")
FILES_PER_BATCH = 64
CHAINS_PER_BATCH = 512


@dataclass(frozen=True)
class Dropped:
    """Something that did not become a chain, and why."""

    name: str
    why: str


@runtime_checkable
class Batch(Protocol):
    """As much of a source as becomes one shard."""

    def identity(self) -> list[str]:
        """What must be the same for a shard made earlier to be good."""
        ...

    def read(self) -> Iterator[Chain | Dropped]:
        """Its chains, and what could not be read."""
        ...


def batches(source: Path) -> list[Batch]:
    """The parts of a source: a folder of structure files, one such file, or a file of arrays.

    Raises:
        InputError: there is nothing to read, or the arrays are not what they should be.
    """
    if source.is_file() and suffix(source) == ".npz":
        return list(_array_batches(source))
    named = names_of(structure_files(source), source)
    return [FileBatch(tuple(named[i : i + FILES_PER_BATCH])) for i in range(0, len(named), FILES_PER_BATCH)]


def names_of(files: Sequence[Path], source: Path) -> list[tuple[str, Path]]:
    """What each file's structure is called: by its own name, or after its folders too where several have that name.

    Files of one name in one folder are taken for one structure in two formats.
    """
    folders: dict[str, set[Path]] = {}
    for path in files:
        folders.setdefault(stem(path), set()).add(path.parent)

    def name(path: Path) -> str:
        parts = path.relative_to(source).parent.parts if len(folders[stem(path)]) > 1 else ()
        return "-".join([*parts, stem(path)])

    return [(name(path), path) for path in files]


def structure_files(source: Path) -> list[Path]:
    """The PDB and mmCIF files of a folder and the folders in it, in order.

    Raises:
        InputError: there is none.
    """
    if not source.exists():
        raise InputError("no such file or folder.", file=source, remedy="Check the path.")
    found = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    files = [path for path in found if suffix(path) in STRUCTURES]
    if not files:
        remedy = f"Give a folder of {', '.join(STRUCTURES)} files (also .gz), or a chains.npz."
        raise InputError("no structure is here.", file=source, remedy=remedy)
    return files


@dataclass(frozen=True)
class FileBatch:
    """Some structure files of a folder, and what they are called."""

    files: tuple[tuple[str, Path], ...]

    def identity(self) -> list[str]:
        return [f"{name} {stamp(path)}" for name, path in self.files]

    def read(self) -> Iterator[Chain | Dropped]:
        for name, path in self.files:
            try:
                structure = read_structure(path)
            except InputError as error:
                yield Dropped(str(path), f"cannot be read: {error.message}")
                continue
            for i in range(len(structure.chain_ids)):
                yield chain_of(structure, i, name)


def chain_of(structure: Structure, number: int, name: str) -> Chain:
    """One chain of a structure, called by the structure's name and its own."""
    part = slice(*structure.chain_borders[number])
    chain = Chain(
        id=f"{name}_{structure.chain_ids[number]}",
        aatype=structure.aatype[part],
        residue_index=structure.residue_index[part] - 1,
        positions=structure.positions[part],
        mask=structure.mask[part] > 0,
        resolution=structure.header.resolution,
        kind="model" if "model" in structure.header.method else "exp",
        entry=name,
    )
    return chain if chain.has_sidechains else _of_kind(chain, "backbone_only")


def _of_kind(chain: Chain, kind: str) -> Chain:
    return Chain(**{**vars(chain), "kind": kind})


@dataclass(frozen=True)
class ArrayBatch:
    """Some chains of a file of arrays; the table beside it says what they are."""

    path: Path
    start: int
    stop: int

    def identity(self) -> list[str]:
        table = table_beside(self.path)
        return [stamp(self.path), stamp(table) if table else "", f"{self.start}-{self.stop}"]

    def read(self) -> Iterator[Chain | Dropped]:
        arrays, facts = read_arrays(self.path), read_facts(self.path)
        for i in range(self.start, self.stop):
            yield arrays.chain(i, facts[i] if facts else {})


@dataclass(frozen=True, eq=False)
class Arrays:
    """Many chains run together: `res_offset` and `atom_offset` say where each begins."""

    ids: np.ndarray
    res_offset: np.ndarray
    atom_offset: np.ndarray
    aatype: np.ndarray
    residue_index: np.ndarray
    atom37_mask_packed: np.ndarray
    xyz_centi: np.ndarray  # 0.01 angstrom

    def fault(self) -> str | None:
        """The first array that does not fit the others."""
        count, residues, atoms = len(self.ids), self.res_offset[-1:].sum(), self.atom_offset[-1:].sum()
        fits = {
            "res_offset": len(self.res_offset) == count + 1 and (np.diff(self.res_offset) >= 0).all(),
            "atom_offset": len(self.atom_offset) == count + 1 and (np.diff(self.atom_offset) >= 0).all(),
            "aatype": len(self.aatype) == residues and (self.aatype <= UNKNOWN).all(),
            "residue_index": len(self.residue_index) == residues,
            "atom37_mask_packed": self.atom37_mask_packed.shape == (residues, 5),
            "xyz_centi": self.xyz_centi.shape == (atoms, 3),
        }
        return next((name for name, is_fitting in fits.items() if not is_fitting), None)

    def chain(self, number: int, facts: dict[str, str]) -> Chain:
        """One chain; `facts` are the columns of the table that describe it."""
        residues, atoms = (slice(*offset[number : number + 2]) for offset in (self.res_offset, self.atom_offset))
        mask = np.unpackbits(self.atom37_mask_packed[residues], axis=1)[:, :37].astype(bool)
        positions = np.zeros((*mask.shape, 3), np.float32)
        positions[mask] = self.xyz_centi[atoms].astype(np.float32) / 100
        chain = Chain(
            id=str(self.ids[number]),
            aatype=self.aatype[residues],
            residue_index=self.residue_index[residues].astype(np.int32),
            positions=positions,
            mask=mask,
            resolution=float(facts.get("resolution") or 0),
            kind=facts.get("kind") or "exp",
            cluster=facts.get("cluster40") or "",
            split=facts.get("split") or "",
            is_core=facts.get("eval_core") == "1",
        )
        return chain if "kind" in facts or chain.has_sidechains else _of_kind(chain, "backbone_only")


def _array_batches(path: Path) -> Iterator[ArrayBatch]:
    count = len(read_arrays(path).ids)
    if not count:
        raise InputError("the file holds no chain.", file=path, remedy="Was it written completely?")
    facts = read_facts(path)
    if facts and len(facts) != count:
        message = f"{len(facts)} lines describe {count} chains."
        raise InputError(message, file=table_beside(path), remedy="The table has one line for each chain, in order.")
    for start in range(0, count, CHAINS_PER_BATCH):
        yield ArrayBatch(path, start, min(count, start + CHAINS_PER_BATCH))


@lru_cache(maxsize=1)
def read_arrays(path: Path) -> Arrays:
    """The arrays of a `chains.npz`.

    Raises:
        InputError: the file is damaged or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = Arrays(**{name: stored[name] for name in Arrays.__dataclass_fields__})
    except KeyError as error:
        message = f"array {str(error).split()[0].strip(chr(39))} is missing."
        raise InputError(message, file=path, remedy=f"Needed: {', '.join(Arrays.__dataclass_fields__)}.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot be read as arrays: {error}.", file=path, remedy="Was it copied whole?") from error
    if (name := arrays.fault()) is not None:
        remedy = "Arrays of residues end at the last res_offset, those of atoms at the last atom_offset."
        raise InputError("does not fit the other arrays.", file=path, field=name, remedy=remedy)
    return arrays


def table_beside(path: Path) -> Path | None:
    """The table that describes the chains of a file of arrays: `chains.tsv[.gz]` for `chains.npz`."""
    candidates = (path.with_suffix(kind) for kind in (".tsv.gz", ".tsv"))
    return next((table for table in candidates if table.is_file()), None)


@lru_cache(maxsize=1)
def read_facts(path: Path) -> list[dict[str, str]]:
    """The lines of the table beside a file of arrays; none without a table."""
    table = table_beside(path)
    return list(csv.DictReader(read_lines(table), delimiter="\t")) if table else []
