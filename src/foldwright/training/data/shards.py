"""Chains on the disk: a few large files that are read by index, and one table that says what they hold."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from foldwright.chem.residues import aatype_to_sequence
from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.atomic import atomic_write
from foldwright.training.data.chain import Chain

FORMAT = "foldwright-chains-1"
MANIFEST, TABLE = "manifest.json", "chains.tsv"
CHAINS_PER_SHARD = 512
_UNPREPARED = "Make it with `foldwright data prepare SOURCE... --out FOLDER`."


@dataclass(frozen=True, kw_only=True)
class Row:
    """One chain of the manifest: what it is and where it stands."""

    id: str
    length: int
    kind: str
    cluster: str
    split: str
    is_core: bool
    resolution: float  # angstrom; 0 unknown
    depth: int  # rows of its alignment; 1 without one
    shard: str
    row: int
    entry: str = ""  # chains of one entry stand together

    @classmethod
    def of(cls, chain: Chain, shard: str, row: int) -> Row:
        """The row of a chain that stands in a shard."""
        return cls(
            id=chain.id,
            length=len(chain),
            kind=chain.kind,
            cluster=chain.cluster,
            split=chain.split,
            is_core=chain.is_core,
            resolution=round(float(chain.resolution), 3),
            depth=chain.depth,
            shard=shard,
            row=row,
            entry=chain.entry,
        )


def write_shards(
    chains: Iterable[Chain], folder: str | Path, notes: dict[str, Any] | None = None, size: int = CHAINS_PER_SHARD
) -> list[Row]:
    """Write chains as shards with their manifest; the manifest comes last, so a folder that has one is whole.

    A chain without a cluster is one of its own; a chain without a split is for training.

    Raises:
        InputError: there is no chain, or the folder cannot be written.
    """
    folder, rows, left = Path(folder), [], iter(chains)
    while part := list(islice(left, size)):
        name = f"shard-{len(rows) // size:05d}.safetensors"
        write_shard(folder / name, part)
        rows += [Row.of(chain, name, i) for i, chain in enumerate(part)]
    rows = [replace(row, cluster=row.cluster or row.id, split=row.split or "train") for row in rows]
    write_manifest(folder, rows, notes or {})
    return rows


def write_shard(path: Path, chains: Sequence[Chain], notes: dict[str, Any] | None = None) -> None:
    """Write one shard: the residues, atoms and alignments of its chains, run together, and what is to be noted.

    The same chains and notes make the same bytes.
    """
    text = np.frombuffer(json.dumps(notes or {}).encode(), np.uint8)
    data = save({**_packed(chains), "notes": text}, {"format": FORMAT})
    with atomic_write(path, "wb") as file:
        file.write(data)


def write_manifest(folder: Path, rows: Sequence[Row], notes: dict[str, Any]) -> None:
    """Write the table of chains, and what is to be known of the whole.

    Raises:
        InputError: there is no chain, or two have the same name.
    """
    if not rows:
        raise InputError("no chain is left to write.", file=folder, remedy="Loosen the filters or add structures.")
    seen: set[str] = set()
    twice = next((row.id for row in rows if row.id in seen or seen.add(row.id)), None)
    if twice is not None:
        raise InputError(f'two chains are called "{twice}".', file=folder, remedy="Give every chain a name of its own.")
    shards = sorted({row.shard for row in rows})
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in shards}
    with atomic_write(folder / TABLE) as file:
        file.write(_table(rows))
    with atomic_write(folder / MANIFEST) as file:
        json.dump({"format": FORMAT, "num_chains": len(rows), "shards": hashes, **notes}, file, indent=1)


class ShardedChains:
    """The chains of a folder by their number; only what is asked for is read."""

    def __init__(self, folder: str | Path):
        """Raises InputError if the folder was not made by `foldwright data prepare` or has lost a shard."""
        self.folder = Path(folder)
        self.notes = read_notes(self.folder)
        self.manifest = _read_table(self.folder / TABLE)
        if len(self.manifest) != self.notes["num_chains"]:
            message = f"{len(self.manifest)} chains are listed, {self.notes['num_chains']} were written."
            raise InputError(message, file=self.folder / TABLE, remedy=_UNPREPARED)
        missing = [name for name in self.notes["shards"] if not (self.folder / name).is_file()]
        if missing:
            raise InputError(f"{missing[0]} is missing.", file=self.folder, remedy=_UNPREPARED)
        self._shards: dict[str, Shard] = {}

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, number: int) -> Chain:
        row = self.manifest[number]
        if row.shard not in self._shards:
            self._shards[row.shard] = Shard(self.folder / row.shard)
        return replace(
            self._shards[row.shard][row.row],
            id=row.id,
            kind=row.kind,
            cluster=row.cluster,
            split=row.split,
            is_core=row.is_core,
            resolution=row.resolution,
            entry=row.entry,
        )

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each chain by its name."""
        return {row.id: i for i, row in enumerate(self.manifest)}

    def verify(self) -> None:
        """Compare every shard with its hash. Raises InputError naming one that changed."""
        for name, expected in self.notes["shards"].items():
            if hashlib.sha256((self.folder / name).read_bytes()).hexdigest() != expected:
                remedy = "Prepare the folder again."
                raise InputError("the shard is not what was written.", file=self.folder / name, remedy=remedy)


class Shard:
    """One open shard, read through the system's page cache."""

    def __init__(self, path: Path):
        """Raises InputError if the file is no shard."""
        try:
            self._file = safe_open(str(path), framework="numpy")
            found = (self._file.metadata() or {}).get("format")
        except (SafetensorError, OSError) as error:
            raise InputError(f"cannot be read as a shard: {error}.", file=path, remedy="Prepare it again.") from error
        if found != FORMAT:
            raise InputError("this is no shard of chains.", file=path, remedy=_UNPREPARED)
        self._offsets = {name: self._file.get_tensor(f"{name}_offsets") for name in ("residue", "atom", "letter")}

    def __len__(self) -> int:
        return len(self._offsets["residue"]) - 1

    def __getitem__(self, row: int) -> Chain:
        aatype = self._part("aatype", "residue", row)
        mask = np.unpackbits(self._part("mask", "residue", row), axis=1)[:, :37].astype(bool)
        positions = np.zeros((*mask.shape, 3), np.float32)
        positions[mask] = self._part("atoms", "atom", row)
        confidence = self._part("confidence", "residue", row)
        return Chain(
            id="",
            aatype=aatype,
            residue_index=self._part("residue_index", "residue", row),
            positions=positions,
            mask=mask,
            alignment=self._alignment(row, aatype),
            confidence=None if np.isnan(confidence).any() else confidence,
        )

    @property
    def notes(self) -> dict[str, Any]:
        """What was noted when it was written."""
        return json.loads(self._file.get_tensor("notes").tobytes())

    def sequence(self, row: int) -> str:
        """One letter for each residue of a chain."""
        return aatype_to_sequence(self._part("aatype", "residue", row))

    def _alignment(self, row: int, aatype: np.ndarray) -> Alignment | None:
        letters = self._part("letters", "letter", row).reshape(-1, len(aatype))
        if not len(letters):
            return None
        deletions = self._part("deletions", "letter", row).reshape(letters.shape).astype(np.int32)
        return Alignment.of_letters(letters, deletions, [""] * len(letters))

    def _part(self, name: str, kind: str, row: int) -> np.ndarray:
        start, stop = self._offsets[kind][row : row + 2].tolist()
        part = self._file.get_slice(name)
        # The library takes no empty slice at the end of an array.
        return part[start:stop] if start < stop else np.zeros((0, *part.get_shape()[1:]), np.uint8)


def _packed(chains: Sequence[Chain]) -> dict[str, np.ndarray]:
    if not chains:
        return _packed([_NOTHING])
    letters = [c.alignment.letters.ravel() if c.alignment else np.zeros(0, np.uint8) for c in chains]
    deletions = [c.alignment.deletions.ravel() if c.alignment else np.zeros(0, np.int32) for c in chains]
    return {
        "residue_offsets": _offsets([len(chain) for chain in chains]),
        "atom_offsets": _offsets([int(chain.mask.sum()) for chain in chains]),
        "letter_offsets": _offsets([len(part) for part in letters]),
        "aatype": np.concatenate([chain.aatype for chain in chains]).astype(np.uint8),
        "residue_index": np.concatenate([chain.residue_index for chain in chains]).astype(np.int32),
        "mask": np.packbits(np.concatenate([chain.mask for chain in chains]).astype(bool), axis=1),
        "atoms": np.concatenate([chain.positions[chain.mask.astype(bool)] for chain in chains]).astype(np.float32),
        "confidence": np.concatenate([_confidence(chain) for chain in chains]),
        "letters": np.concatenate(letters),
        "deletions": np.concatenate(deletions).clip(max=65_535).astype(np.uint16),
    }


_NOTHING = Chain(
    id="",
    aatype=np.zeros(0, np.uint8),
    residue_index=np.zeros(0, np.int32),
    positions=np.zeros((0, 37, 3), np.float32),
    mask=np.zeros((0, 37), bool),
)


def _confidence(chain: Chain) -> np.ndarray:
    absent = np.full(len(chain), np.nan, np.float32)
    return absent if chain.confidence is None else chain.confidence.astype(np.float32)


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.cumsum([0, *sizes], dtype=np.int64)


def _table(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Row)], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(row), "is_core": int(row.is_core)} for row in rows)
    return text.getvalue()


def _read_table(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(line) for line in csv.DictReader(file, delimiter="\t")]
    except OSError as error:
        raise InputError("the table of chains is missing.", file=path, remedy=_UNPREPARED) from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is no table of chains ({error}).", file=path, remedy=_UNPREPARED) from error


def _row(line: dict[str, str]) -> Row:
    return Row(
        id=line["id"],
        length=int(line["length"]),
        kind=line["kind"],
        cluster=line["cluster"],
        split=line["split"],
        is_core=line["is_core"] == "1",
        resolution=float(line["resolution"]),
        depth=int(line["depth"]),
        shard=line["shard"],
        row=int(line["row"]),
        entry=line.get("entry") or "",
    )


def read_notes(folder: Path) -> dict[str, Any]:
    """What the manifest says of the whole.

    Raises:
        InputError: there is none, or it is not one of ours.
    """
    path = folder / MANIFEST
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("the folder holds no prepared chains.", file=folder, remedy=_UNPREPARED) from error
    except ValueError as error:
        raise InputError("the manifest is damaged.", file=path, remedy=_UNPREPARED) from error
    if notes.get("format") != FORMAT:
        raise InputError(f"unknown format {notes.get('format')!r}.", file=path, remedy=_UNPREPARED)
    return notes
