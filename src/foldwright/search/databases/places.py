"""Where a database lies below a folder of databases, whoever laid it out: AlphaFold's scripts, ColabFold's, or ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foldwright.errors import InputError

FASTA, HHSUITE, MMSEQS, STRUCTURES = "FASTA", "HH-suite", "MMseqs2", "mmCIF files"
FASTA_ENDINGS = (".fasta", ".fa", ".faa", ".fas", ".txt")
HHSUITE_PARTS = tuple(f"_{kind}.ff{part}" for kind in ("a3m", "cs219", "hhm") for part in ("data", "index"))
MMSEQS_PARTS = (".dbtype", ".index")


@dataclass(frozen=True)
class Place:
    """How the files of a database are called.

    names    patterns of the file name without its ending, or of the folder of structures; the first that fits counts
    folders  where it is looked for, besides the folder of databases itself and a folder of the database's name
    """

    kind: str
    names: tuple[str, ...]
    folders: tuple[str, ...] = ()


PLACES: dict[str, Place] = {
    "uniref90": Place(FASTA, ("uniref90*",)),
    "mgnify": Place(FASTA, ("mgy_clusters*", "mgnify*")),
    "small_bfd": Place(FASTA, ("bfd-first_non_consensus_sequences*", "small_bfd*")),
    "uniprot": Place(FASTA, ("uniprot", "uniprot_all*")),
    "pdb_seqres": Place(FASTA, ("pdb_seqres*",)),
    "rfam": Place(FASTA, ("rfam*",)),
    "rnacentral": Place(FASTA, ("rnacentral*",)),
    "nt_rna": Place(FASTA, ("nt_rna*",)),
    "bfd": Place(HHSUITE, ("bfd_metaclust*", "bfd*")),
    "uniref30": Place(HHSUITE, ("UniRef30*", "uniref30*"), ("uniref30/*", "uniclust30/*")),
    "pdb70": Place(HHSUITE, ("pdb70*",)),
    "uniref30_mmseqs": Place(MMSEQS, ("uniref30*_db",)),
    "colabfold_envdb": Place(MMSEQS, ("colabfold_envdb*_db",)),
    "pdb_mmcif": Place(STRUCTURES, ("mmcif_files", "divided"), ("pdb",)),
}


def find(folder: Path, name: str) -> Path:
    """The FASTA file, the prefix of the files (HH-suite, MMseqs2) or the folder of structures.

    A name that is in no catalogue is that of a FASTA file in the folder. Raises InputError if there is nothing, or if
    what is there is only a part of it.
    """
    place = PLACES.get(name, Place(FASTA, (name,)))
    found = next(_candidates(folder, name, place), None)
    if found is None:
        raise InputError(
            f'the database "{name}" ({place.kind}) is not here.',
            file=folder,
            field="--databases",
            remedy=_how_to_get(name, folder),
        )
    if missing := missing_parts(found, place.kind):
        raise InputError(
            f'the database "{name}" is not complete: {", ".join(path.name for path in missing)} is missing.',
            file=found.parent,
            remedy=_how_to_get(name, folder),
        )
    return found


def missing_parts(found: Path, kind: str) -> list[Path]:
    """What should lie beside a database that was found and does not."""
    endings = {HHSUITE: HHSUITE_PARTS, MMSEQS: MMSEQS_PARTS}.get(kind, ())
    return [path for ending in endings if not (path := found.with_name(found.name + ending)).is_file()]


def parts_of(found: Path, kind: str) -> list[Path]:
    """The files a database consists of; for structures the folder alone, because looking at each takes minutes."""
    if kind in (HHSUITE, MMSEQS):
        return sorted(path for path in found.parent.glob(f"{found.name}*") if path.is_file())
    return [found]


def _how_to_get(name: str, folder: Path) -> str:
    if name in PLACES:
        return (
            f"`foldwright databases list` shows who publishes it; `foldwright databases check {folder}` what is here."
        )
    return f"Put {name}.fasta there, or make it with `foldwright databases build`."


def _candidates(folder: Path, name: str, place: Place) -> Iterator[Path]:
    for pattern in place.names:
        for inside in (".", name, *place.folders):
            yield from _matching(folder, inside, pattern, place.kind)


def _matching(folder: Path, inside: str, pattern: str, kind: str) -> Iterator[Path]:
    """Databases whose name fits, the last name (the newest release) first and unpacked files before packed ones."""
    base = f"{inside}/{pattern}" if inside != "." else pattern
    if kind == FASTA:
        for packed in ("", ".gz"):
            files = {path for ending in FASTA_ENDINGS for path in folder.glob(f"{base}{ending}{packed}")}
            yield from sorted((path for path in files if _is_visible_file(path)), reverse=True)
    elif kind == STRUCTURES:
        yield from sorted((path for path in folder.glob(base) if path.is_dir()), reverse=True)
    else:
        ending = {HHSUITE: "_cs219.ffdata", MMSEQS: ".dbtype"}[kind]
        files = sorted(folder.glob(f"{base}{ending}"), reverse=True)
        yield from (path.with_name(path.name.removesuffix(ending)) for path in files)


def _is_visible_file(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")
