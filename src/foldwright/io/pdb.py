"""PDB: the older format of fixed columns, for programs that read nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import gemmi
import numpy as np

from foldwright.chem.atoms import ATOM_TYPES
from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.coordinates import atom_name, from_gemmi, read_with
from foldwright.io.structure import Header, Structure

CHAIN_LETTERS = ascii_uppercase + ascii_lowercase + digits
_MAX_SERIAL, _MAX_NUMBER = 99_999, 9_999  # five columns, four columns
_MIN_COORDINATE, _MAX_COORDINATE = -999, 9_999  # eight columns with three decimals
_REMEDY = "Use the mmCIF file instead: it has no such limit."


def read_pdb(path: str | Path) -> Structure:
    """The protein chains of the first model of a PDB file (gzip or plain).

    Where the file has SEQRES records, residues that were not seen are there with an empty mask.
    Raises InputError if the file cannot be read or holds no protein.
    """
    source = read_with(gemmi.read_pdb_string, path)
    source.setup_entities()
    source.assign_label_seq_id()
    facts = dict(source.info.items())
    source.name = facts.get("_entry.id", "")
    return from_gemmi(source, Header(method=facts.get("_exptl.method", "").lower(), resolution=source.resolution), path)


def write_pdb(path: str | Path, structure: Structure) -> None:
    """Write `pdb_text` so that the file appears whole or not at all."""
    text = _text(structure, path)
    with atomic_write(path) as file:
        file.write(text)


def pdb_text(structure: Structure) -> str:
    """The structure as PDB text: one model, its whole sequence as SEQRES, TER after each chain.

    Chains keep their names if those are single letters and are lettered A-Z, a-z, 0-9 otherwise.
    Raises InputError if there is more than the columns hold: 62 chains, 99,999 atoms, residue 9,999, 9,999 angstrom.
    """
    return _text(structure, None)


def _text(structure: Structure, path: str | Path | None) -> str:
    _check_fits(structure, path)
    letters = _chain_letters(structure.chain_ids)
    lines = [*_seqres(structure, letters), "MODEL        1", *_model(structure, letters), "ENDMDL", "END"]
    return "".join(f"{line:<80}\n" for line in lines)


def _check_fits(structure: Structure, path: str | Path | None) -> None:
    records = int(structure.mask.sum()) + len(structure.chain_ids)
    numbers = structure.author_numbers
    faults = {
        f"{len(structure.chain_ids)} chains, a PDB file holds {len(CHAIN_LETTERS)}": (
            len(structure.chain_ids) > len(CHAIN_LETTERS)
        ),
        f"{records:,} atoms and chain ends, a PDB file holds {_MAX_SERIAL:,}": records > _MAX_SERIAL,
        f"residue numbers from {numbers.min()} to {numbers.max()}, a PDB file holds -999 to {_MAX_NUMBER}": (
            numbers.max() > _MAX_NUMBER or numbers.min() < -999
        ),
        f"coordinates below {_MIN_COORDINATE:,} or above {_MAX_COORDINATE:,} angstrom": (
            structure.positions.min() <= _MIN_COORDINATE or structure.positions.max() >= _MAX_COORDINATE
        ),
    }
    for message, is_fault in faults.items():
        if is_fault:
            raise InputError(f"the structure has {message}.", file=path, remedy=_REMEDY)


def _chain_letters(chain_ids: Sequence[str]) -> list[str]:
    return list(chain_ids) if all(len(name) == 1 for name in chain_ids) else list(CHAIN_LETTERS[: len(chain_ids)])


def _seqres(structure: Structure, letters: Sequence[str]) -> Iterator[str]:
    for letter, (start, stop) in zip(letters, structure.chain_borders, strict=True):
        names = structure.residue_names[start:stop]
        for row, first in enumerate(range(0, len(names), 13), 1):
            residues = " ".join(f"{name:>3}" for name in names[first : first + 13])
            yield f"SEQRES {row:>3} {letter} {len(names):>4}  {residues}"


def _model(structure: Structure, letters: Sequence[str]) -> Iterator[str]:
    serial = 0
    for letter, (start, stop) in zip(letters, structure.chain_borders, strict=True):
        last = ""
        for i in range(start, stop):
            name = structure.residue_names[i]
            last = f"{name:>3} {letter}{structure.author_numbers[i]:>4}{structure.insertion_codes[i] or ' '}"
            kind = "HETATM" if structure.is_hetero[i] else "ATOM"
            for slot in np.flatnonzero(structure.mask[i]).tolist():
                serial += 1
                atom = _atom(structure, i, slot, name)
                yield f"{kind:<6}{serial:>5} {atom[0]} {last}   {atom[1]}"
        serial += 1
        yield f"TER   {serial:>5}      {last}"


def _atom(structure: Structure, residue: int, slot: int, residue_name: str) -> tuple[str, str]:
    """The name in its four columns, and all that stands after the residue."""
    name, element = atom_name(residue_name, ATOM_TYPES[slot])
    padded = f" {name:<3}" if len(element) == 1 and len(name) < 4 else f"{name:<4}"
    x, y, z = structure.positions[residue, slot].tolist()
    return padded, f"{x:8.3f}{y:8.3f}{z:8.3f}{1:6.2f}{structure.b_factors[residue, slot]:6.2f}          {element:>2}"
