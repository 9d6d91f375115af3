"""The structures that a ColabFold server names as templates, as that server sends them; each is asked for once.

`GET template/1abc_A,2xyz_B` answers with a packed archive: the mmCIF file of each entry, and a database in the format
of HH-suite (`pdb70_a3m.ffdata`, `pdb70_a3m.ffindex`) with the sequence of each chain that was searched.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.hhr import TemplateHit
from foldwright.search.options import SearchOptions
from foldwright.search.structures import TemplateStructures
from foldwright.search.tickets import Desk, Manners, Refused, Report, contact, silent, turn

MOST = 20  # hits of a query whose structures are asked for, the best first, as ColabFold asks
REMEMBERED = 7 * 86_400.0  # seconds for which a server is not asked again for what it did not have
LARGEST = 1 << 31  # bytes of an unpacked archive
_NAME = re.compile(r"[0-9][0-9A-Za-z]{3}_[0-9A-Za-z]{1,8}|pdb_[0-9a-z]{8}_[0-9A-Za-z]{1,8}")
_DATA, _INDEX = "pdb70_a3m.ffdata", "pdb70_a3m.ffindex"
_ANNOTATIONS = ("ss_dssp", "ss_pred", "ss_conf", "sa_dssp", "sa_pred", "Consensus")
_MAGIC, _PIECE = b"\x1f\x8b", 1 << 16


class Located(NamedTuple):
    """Hits with the letters that were searched, and where their structures are."""

    hits: list[TemplateHit]
    structures: TemplateStructures


class Archive(NamedTuple):
    """What a server has sent: mmCIF files by entry, sequences by chain, and whether it came to an end."""

    structures: dict[str, bytes]
    sequences: dict[str, str]
    is_whole: bool


def locate(
    hits: Sequence[TemplateHit],
    options: SearchOptions,
    folders: Sequence[Path] = (),
    manners: Manners | None = None,
    report: Report = silent,
) -> Located:
    """The hits of a server, with all that makes templates of them; nothing is asked for that is here already.

    `folders` hold structures of this machine, which are preferred. No trouble with the server makes this fail: it is
    the reason why a structure is missing.
    """
    shelf = Shelf.of(options)
    local = TemplateStructures.of(*folders) if folders else None
    reasons = {hit.pdb_id: f"only the {MOST} best hits are asked of the server" for hit in hits[MOST:]}
    best = list(dict.fromkeys(_chain(hit) for hit in hits[:MOST] if not (hit.hit_sequence and _is_here(hit, local))))
    lacking = [name for name in best if options.refresh or not shelf.has(name)]
    known = {} if options.refresh else {name: why for name in lacking if (why := shelf.why_not(name))}
    reasons |= {_entry(name): why for name, why in known.items()}
    lacking = [name for name in lacking if name not in known]
    reasons |= _fetch(lacking, Desk(options.server, contact(), manners or Manners(), report=report), shelf)
    complete = [hit if hit.hit_sequence else with_letters(hit, shelf.sequence(_chain(hit))) for hit in hits]
    places = TemplateStructures.of(*folders, shelf.folder)
    return Located(complete, replace(places, reasons=reasons))


def with_letters(hit: TemplateHit, sequence: str) -> TemplateHit:
    """The hit with the letters of the sequence that was searched; as it is if that is not known or too short."""
    if not sequence or not hit.indices_hit or max(hit.indices_hit) >= len(sequence):
        return hit
    return replace(hit, hit_sequence="".join("-" if place < 0 else sequence[place] for place in hit.indices_hit))


@dataclass(frozen=True)
class Shelf:
    """The folder in which structures of one server are kept: `1abc.cif.gz`, and `1abc_A.txt` for a sequence.

    What the server said it does not have stands in `1abc_A.none`, and counts for a week.
    """

    folder: Path

    @classmethod
    def of(cls, options: SearchOptions) -> Shelf:
        """The one of the server that is asked. Raises InputError if it cannot be made."""
        host = hashlib.sha256(options.server.rstrip("/").encode()).hexdigest()[:16]
        folder = options.cache_folder / "structures" / host
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            remedy = "Set FOLDWRIGHT_CACHE to a folder that you may write to and that has room."
            raise InputError(f"cannot be made: {error.strerror}.", file=folder, remedy=remedy) from error
        return cls(folder)

    def has(self, chain: str) -> bool:
        """Whether the structure of a chain is here, and so everything that the server knows of it."""
        return (self.folder / f"{_entry(chain)}.cif.gz").is_file() and (self.folder / f"{chain}.txt").is_file()

    def sequence(self, chain: str) -> str:
        """The sequence that was searched; empty if it is not known."""
        file = self.folder / f"{chain}.txt"
        return file.read_text().strip() if _NAME.fullmatch(chain) and file.is_file() else ""

    def why_not(self, chain: str) -> str:
        """Why the server did not have a structure when it was asked lately; empty if that is not known."""
        file = self.folder / f"{chain}.none"
        is_recent = _NAME.fullmatch(chain) and file.is_file() and time.time() - file.stat().st_mtime < REMEMBERED
        return file.read_text().strip() if is_recent else ""

    def put_none(self, chains: Iterable[str], why: str) -> None:
        """Remember that the server does not have these. Raises InputError if the folder cannot be written."""
        for chain in chains:
            with atomic_write(self.folder / f"{chain}.none") as file:
                file.write(why)

    def put(self, archive: Archive, chains: Iterable[str]) -> None:
        """Keep what was sent of these chains. Raises InputError if the folder cannot be written."""
        for chain in chains:
            if (text := archive.structures.get(_entry(chain))) is None:
                continue
            with atomic_write(self.folder / f"{_entry(chain)}.cif.gz", "wb") as file:
                file.write(gzip.compress(text, compresslevel=1, mtime=0))
            with atomic_write(self.folder / f"{chain}.txt") as file:
                file.write(archive.sequences.get(chain, ""))


def _fetch(chains: Sequence[str], desk: Desk, shelf: Shelf) -> dict[str, str]:
    """Put the structures of these chains on the shelf; for each entry that did not come, why."""
    reasons = {_entry(name): "its name is not one of the PDB" for name in chains if not _NAME.fullmatch(name)}
    with turn:
        _Errand(desk, shelf, reasons).run(sorted(name for name in chains if _NAME.fullmatch(name)))
    return reasons


@dataclass
class _Errand:
    """A series of questions: a server that lacks one structure refuses a whole list, or breaks off in its midst."""

    desk: Desk
    shelf: Shelf
    reasons: dict[str, str]
    has_asked: bool = False

    def run(self, chains: Sequence[str]) -> None:
        """Ask for all at once; then for the halves of what did not come, until one entry is left to blame."""
        if not chains:
            return
        try:
            sent = self._ask(chains)
        except Refused as refused:
            return self._halve(chains, refused.message.rstrip("."))
        except InputError as error:
            return self._give_up(chains, f"the server could not be asked for it: {error.message.rstrip('.')}")
        self.shelf.put(sent, chains)
        left = [chain for chain in chains if _entry(chain) not in sent.structures]
        if sent.is_whole:
            return self._lacks(left, "the server has no structure of it")
        return self.run(left) if len(left) < len(chains) else self._halve(left, "its archive breaks off")

    def _ask(self, chains: Sequence[str]) -> Archive:
        if self.has_asked:
            self.desk.rest(self.desk.manners.first_pause)
        self.has_asked = True
        return self.desk.fetch(f"template/{','.join(chains)}", lambda data: unpacked(data, chains))

    def _halve(self, chains: Sequence[str], why: str) -> None:
        if len({_entry(chain) for chain in chains}) == 1:
            return self._lacks(chains, f"the server has no structure of it ({why})")
        middle = len(chains) // 2
        self.run(chains[:middle])
        return self.run(chains[middle:])

    def _lacks(self, chains: Sequence[str], why: str) -> None:
        self.shelf.put_none(chains, why)
        self._give_up(chains, why)

    def _give_up(self, chains: Sequence[str], why: str) -> None:
        self.reasons |= dict.fromkeys(map(_entry, chains), why)


def unpacked(data: bytes, chains: Sequence[str]) -> Archive:
    """What an archive holds of these chains; the names in it are compared, and never lead to a place.

    Raises ValueError if this is no archive at all.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("this is no packed archive")
    wanted = {f"{_entry(chain)}.cif": _entry(chain) for chain in chains}
    whole, is_whole = _decompressed(data)
    found: dict[str, bytes] = {}
    with suppress(tarfile.TarError):  # what came before it is whole
        for name, text in _members(whole, {*wanted, _DATA, _INDEX}):
            if name not in wanted or _is_mmcif(text):
                found[name] = text
    structures = {wanted[name]: text for name, text in found.items() if name in wanted}
    return Archive(structures, _sequences(found.get(_DATA, b""), found.get(_INDEX, b"")), is_whole)


def _decompressed(data: bytes) -> tuple[bytes, bool]:
    """All that can be had of a stream, and whether it came to its end: a server that fails writes its words into it."""
    stream, parts, size = zlib.decompressobj(wbits=31), [], 0
    for start in range(0, len(data), _PIECE):
        piece, before = data[start : start + _PIECE], stream.copy()
        try:
            parts.append(stream.decompress(piece))
        except zlib.error:
            parts.extend(_before_fault(before, piece))
            return b"".join(parts), False
        if (size := size + len(parts[-1])) > LARGEST:
            return b"".join(parts), False
    return b"".join(parts), stream.eof


def _before_fault(stream: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    with suppress(zlib.error):
        for i in range(len(piece)):
            yield stream.decompress(piece[i : i + 1])


def _members(data: bytes, names: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isreg() and name in names and (file := tar.extractfile(member)):
                yield name, file.read()


def _sequences(data: bytes, index: bytes) -> dict[str, str]:
    """The sequence of each chain of a database of HH-suite; what cannot be read is left out."""
    found = {}
    for row in index.decode("ascii", "replace").splitlines():
        words = row.split()
        if len(words) == 3 and words[1].isdigit() and words[2].isdigit():
            text = data[int(words[1]) : int(words[1]) + int(words[2])].decode("ascii", "replace")
            if letters := _first_sequence(text.strip("\0\n"), words[0]):
                found[words[0]] = letters
    return found


def _first_sequence(text: str, chain: str) -> str:
    """The row that is named as the chain, else the first that is no annotation."""
    rows = [row.partition("\n") for row in text.split(">") if row.strip()]
    named = {head.split()[0]: "".join(body.split()) for head, _, body in rows if head.strip()}
    proper = [name for name in named if name not in _ANNOTATIONS]
    name = next((name for name in proper if name.lower() == chain.lower()), next(iter(proper), ""))
    letters = named.get(name, "").replace("-", "").upper()
    return letters if letters.isalpha() and letters.isascii() else ""


def _is_mmcif(text: bytes) -> bool:
    return b"data_" in text[:10_000] and b"_atom_site." in text


def _is_here(hit: TemplateHit, local: TemplateStructures | None) -> bool:
    return local is not None and local.find(hit.pdb_id) is not None


def _chain(hit: TemplateHit) -> str:
    """The name as the server writes it, less what follows."""
    return hit.name.split(maxsplit=1)[0]


def _entry(chain: str) -> str:
    return (chain.rpartition("_")[0] or chain).lower()
