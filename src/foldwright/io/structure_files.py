"""A structure from whichever file holds it."""

from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.mmcif import read_mmcif
from foldwright.io.pdb import read_pdb
from foldwright.io.structure import Structure
from foldwright.io.text import suffix

_READERS = {".cif": read_mmcif, ".mmcif": read_mmcif, ".pdb": read_pdb, ".ent": read_pdb}
SUFFIXES = tuple(_READERS)


def read_structure(path: str | Path) -> Structure:
    """The protein chains of the first model of a PDB or mmCIF file, told apart by the name (gzip or plain)."""
    read = _READERS.get(suffix(Path(path)))
    if read is None:
        remedy = "Give a file that ends in .cif, .mmcif, .pdb or .ent, or one of these with .gz."
        raise InputError("this is no kind of structure file we know.", file=path, remedy=remedy)
    return read(path)
