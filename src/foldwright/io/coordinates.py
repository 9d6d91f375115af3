"""From what gemmi reads of a PDB or mmCIF file to our structure."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

import gemmi
import numpy as np

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.residues import sequence_to_aatype
from foldwright.errors import InputError
from foldwright.io.job import chain_id
from foldwright.io.structure import Header, Structure
from foldwright.io.text import read_lines

T = TypeVar("T")

_PEPTIDES = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
_PLACE = re.compile(r":(\d+):\d+(?:\(\d+\))?: *(.*)", re.DOTALL)  # how gemmi's messages say where


def read_with(read: Callable[[str], T], path: str | Path) -> T:
    """What gemmi reads of the text of a file (gzip or plain); its errors with file and line."""
    text = "\n".join(read_lines(path)) + "\n"
    return parse_with(lambda: read(text), path)


def parse_with(parse: Callable[[], T], path: str | Path) -> T:
    """What gemmi makes of a text that was read; its errors with file and line."""
    try:
        return parse()
    except (ValueError, RuntimeError, IndexError) as error:
        place = _PLACE.search(str(error))
        line, message = (int(place[1]), place[2]) if place else (None, str(error))
        message = f"cannot be read as a structure: {' '.join(message.split()).removesuffix('.')}."
        raise InputError(message, file=path, line=line, remedy="Is this a whole PDB or mmCIF file?") from error


def from_gemmi(source: gemmi.Structure, header: Header, path: str | Path) -> Structure:
    """The protein chains of the first model.

    The sequence is that of the deposition where it is given, so residues that were not seen are there without atoms.
    """
    chains = [_Chain.of(chain, source) for chain in source[0]] if len(source) else []
    chains = [chain for chain in chains if chain.sites]
    if not chains:
        remedy = "A protein with at least one residue is needed."
        raise InputError("the file holds no protein chain.", file=path, remedy=remedy)
    sites = [site for chain in chains for site in chain.sites]
    positions, mask, b_factors = _atoms([site.residue for site in sites])
    return Structure(
        chain_ids=_named([chain.name for chain in chains]),
        chain_index=np.repeat(np.arange(len(chains)), [len(chain.sites) for chain in chains]),
        aatype=sequence_to_aatype("".join(one_letter(site.name) for site in sites)),
        residue_names=np.array([site.name for site in sites]),
        residue_index=np.concatenate([np.arange(1, len(chain.sites) + 1) for chain in chains]),
        author_numbers=np.concatenate([_author_numbers(chain.sites) for chain in chains]),
        insertion_codes=np.array([site.residue.seqid.icode.strip() if site.residue else "" for site in sites]),
        is_hetero=np.array([site.residue is not None and site.residue.het_flag == "H" for site in sites]),
        positions=positions,
        mask=mask,
        b_factors=b_factors,
        name=source.name,
        header=header,
    )


def one_letter(residue_name: str) -> str:
    """The amino acid's letter; that of its parent for a modified one (MSE is M), X if that is not known."""
    letter = gemmi.find_tabulated_residue(residue_name).one_letter_code.upper()
    return letter if letter.isalpha() else "X"


def atom_name(residue: str, slot: str) -> tuple[str, str]:
    """Name and element of the atom in one of the 37 slots; selenomethionine has selenium in that of sulphur."""
    return ("SE", "SE") if residue == "MSE" and slot == "SD" else (slot, slot[0])


@dataclass(frozen=True)
class _Site:
    """A place in a sequence and the residue seen there, if any."""

    name: str
    residue: gemmi.Residue | None


@dataclass(frozen=True)
class _Chain:
    name: str
    sites: list[_Site]

    @classmethod
    def of(cls, chain: gemmi.Chain, source: gemmi.Structure) -> "_Chain":
        """The protein part of an author's chain; no sites if it has none."""
        polymer = chain.get_polymer()
        seen = list(polymer.first_conformer())
        entity = source.get_entity_of(polymer) if seen else None
        if not seen or not _is_protein(polymer, entity):
            return cls(chain.name, [])
        names = [gemmi.Entity.first_mon(item) for item in entity.full_sequence] if entity else []
        by_place = {residue.label_seq: residue for residue in seen}
        if not names or not all(place and place <= len(names) for place in by_place):
            return cls(chain.name, [_Site(residue.name, residue) for residue in seen])
        return cls(chain.name, [_Site(name, by_place.get(i)) for i, name in enumerate(names, 1)])


def _is_protein(polymer: gemmi.ResidueSpan, entity: gemmi.Entity | None) -> bool:
    if entity and entity.polymer_type not in (gemmi.PolymerType.Unknown, gemmi.PolymerType.Other):
        return entity.polymer_type in _PEPTIDES
    return polymer.check_polymer_type() in _PEPTIDES


def _named(names: Sequence[str]) -> tuple[str, ...]:
    """The authors' names; a chain without one gets the first free letter."""
    free = (letter for letter in map(chain_id, count()) if letter not in names)
    return tuple(name.strip() or next(free) for name in names)


def _author_numbers(sites: Sequence[_Site]) -> np.ndarray:
    """The authors' numbers, continued one by one over residues that were not seen."""
    known = [
        (i, site.residue.seqid.num)
        for i, site in enumerate(sites)
        if site.residue and site.residue.seqid.num is not None
    ]
    numbers = np.arange(1, len(sites) + 1)
    if not known:
        return numbers
    places, values = (np.array(column) for column in zip(*known, strict=True))
    nearest = np.clip(np.searchsorted(places, np.arange(len(sites)), side="right") - 1, 0, None)
    return values[nearest] + np.arange(len(sites)) - places[nearest]


def _atoms(residues: Sequence[gemmi.Residue | None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, mask and B factors. Of alternative places the most occupied one counts, the first if equal."""
    positions = np.zeros((len(residues), 37, 3), np.float32)
    b_factors = np.zeros((len(residues), 37), np.float32)
    occupancy = np.full((len(residues), 37), -1.0)
    for i, residue in enumerate(residues):
        for slot, atom in _slots(residue) if residue else ():
            if atom.occ > occupancy[i, slot]:
                occupancy[i, slot] = atom.occ
                positions[i, slot] = atom.pos.tolist()
                b_factors[i, slot] = atom.b_iso
        if residue and residue.name == "ARG":
            _name_arginine(positions[i], b_factors[i], occupancy[i])
    return positions, (occupancy >= 0).astype(np.float32), b_factors


def _slots(residue: gemmi.Residue) -> Iterator[tuple[int, gemmi.Atom]]:
    """The atoms that have a place among the 37; selenium takes that of sulphur."""
    for atom in residue:
        name = "SD" if residue.name == "MSE" and atom.name == "SE" else atom.name
        if name in ATOM_INDEX:
            yield ATOM_INDEX[name], atom


def _name_arginine(positions: np.ndarray, b_factors: np.ndarray, occupancy: np.ndarray) -> None:
    """NH1 is the nitrogen nearer to CD (IUPAC); files often have the two the wrong way round. In place."""
    cd, nh1, nh2 = (ATOM_INDEX[name] for name in ("CD", "NH1", "NH2"))
    if (occupancy[[cd, nh1, nh2]] < 0).any():
        return
    distance = np.linalg.norm(positions[[nh1, nh2]] - positions[cd], axis=1)
    if distance[0] > distance[1]:
        for array in (positions, b_factors):
            array[[nh1, nh2]] = array[[nh2, nh1]]
