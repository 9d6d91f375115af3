"""Bonds as the network hears of them: within what has a token per atom, and between ligands and others (AF3 SI 2.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foldwright.errors import InputError
from foldwright.features.af3.batch import ATOMS_PER_TOKEN
from foldwright.features.af3.layout import TokenTable, Way, padded, slot_fields
from foldwright.features.af3.tokens import CENTRES
from foldwright.io.complexes.job import AtomReference

LIGAND_BONDS_PER_TOKEN = 10  # rows of the feature for every token; no molecule needs half of them
FIELD = "bondedAtomPairs"

Bond = tuple[AtomReference, AtomReference]
Pair = tuple[int, int]


def check_bonds(table: TokenTable, bonds: Sequence[Bond]) -> None:
    """Refuse what the released network has no feature for.

    Raises:
        InputError: an atom that is not predicted, a bond between polymers, or one within a residue.
    """
    finder = _Finder(table)
    for bond in bonds:
        for atom in bond:
            finder.slot(atom)
        first, second = bond
        text = f"The bond of {_written(first)} and {_written(second)}"
        if not any(finder.is_ligand(atom) for atom in bond):
            message = f"{text} lies within or between polymers, of which AlphaFold 3 hears nothing."
            raise InputError(message, field=FIELD, remedy="Remove it, or give one side as a ligand.")
        if (first.chain, first.residue) == (second.chain, second.residue):
            message = f"{text} lies within one residue, whose bonds are those of its component."
            raise InputError(message, field=FIELD, remedy="Describe the component as userCCD.")


def bond_features(table: TokenTable, bonds: Sequence[Bond], num_tokens: int) -> dict[str, np.ndarray]:
    """Which tokens, and which of their atoms, share a bond; in one direction, as bonds are written down.

    Raises:
        InputError: a bond that AlphaFold 3 has no feature for.
    """
    check_bonds(table, bonds)
    finder = _Finder(table)
    to_polymers = [bond for bond in bonds if not all(map(finder.is_ligand, bond))]
    between_ligands = [bond for bond in bonds if all(map(finder.is_ligand, bond))]
    ends = [pair for bond in to_polymers if (pair := finder.standing_for(bond)) is not None]
    of_ligands = [*(finder.tokens(bond) for bond in between_ligands if _is_heard(bond)), *_within(table)]
    atoms = [(finder.slot(first), finder.slot(second)) for first, second in to_polymers]
    # Without such bonds the released program states the size with padding; no network reads it.
    shape = table.names.shape if atoms else (num_tokens, ATOMS_PER_TOKEN)
    num_ligand_bonds = LIGAND_BONDS_PER_TOKEN * num_tokens
    return {
        **_way(ends, num_tokens, (len(table),)).features("tokens_to_polymer_ligand_bonds"),
        **_way(atoms, num_tokens, shape).features("token_atoms_to_polymer_ligand_bonds"),
        **_way(of_ligands, num_ligand_bonds, (len(table),)).features("tokens_to_ligand_ligand_bonds"),
        **_fields(table, atoms, "polymer_ligand_bonds"),
        **_fields(table, [(finder.slot(a), finder.slot(b)) for a, b in between_ligands], "ligand_ligand_bonds"),
    }


def _within(table: TokenTable) -> Iterator[Pair]:
    """The bonds of all components that are a token for each atom."""
    residues = [residue for chain in table.chains for residue in chain.residues]
    for start, residue in zip(table.first.tolist(), residues, strict=True):
        if not residue.is_atomised:
            continue
        place = {name: start + i for i, name in enumerate(residue.atoms)}
        for bond in residue.component.bonds:
            if bond.atom_1 in place and bond.atom_2 in place and not _is_silent(bond.atom_1, bond.atom_2):
                yield place[bond.atom_1], place[bond.atom_2]


def _is_heard(bond: Bond) -> bool:
    return not _is_silent(bond[0].atom, bond[1].atom)


def _is_silent(*names: str) -> bool:
    # DISCREPANCY(AF3 SI 2.8): hydrogens are told by names that begin with H, which mercury's and holmium's do as well;
    # their bonds are lost in the released program.
    return any(name.startswith("H") for name in names)


@dataclass(frozen=True, eq=False)
class _Finder:
    """Where the atoms stand that a job names."""

    table: TokenTable

    def slot(self, atom: AtomReference) -> int:
        """Its place among all slots. Raises InputError where there is no such atom, or it left."""
        place = self._find(atom, atom.atom)
        if place is None:
            message = f"There is no atom {_written(atom)} among those that are predicted."
            raise InputError(message, field=FIELD, remedy="Atoms are named as in the CCD; some leave as residues join.")
        return place

    def is_ligand(self, atom: AtomReference) -> bool:
        return self._kind(atom) == "ligand"

    def tokens(self, bond: Bond) -> Pair:
        first, second = (self.slot(atom) // ATOMS_PER_TOKEN for atom in bond)
        return first, second

    def standing_for(self, bond: Bond) -> Pair | None:
        """The tokens of a bond between a polymer and a ligand; none where the polymer's residue lacks its centre."""
        # DISCREPANCY(AF3 SI 2.8): the token of a modified residue should be that of the bonded atom; the released
        # program takes the residue's CA or C1', and drops the bond where there is none.
        first, second = (self._find(atom, CENTRES.get(self._kind(atom), atom.atom)) for atom in bond)
        return None if first is None or second is None else (first // ATOMS_PER_TOKEN, second // ATOMS_PER_TOKEN)

    def _find(self, atom: AtomReference, name: str) -> int | None:
        ids = np.array([chain.id for chain in self.table.chains])
        tokens = np.flatnonzero((ids[self.table.chain] == atom.chain) & (self.table.residue == atom.residue - 1))
        found = np.argwhere(self.table.names[tokens] == name)
        return int(tokens[found[0, 0]] * ATOMS_PER_TOKEN + found[0, 1]) if name and len(found) else None

    def _kind(self, atom: AtomReference) -> str:
        return next(chain.kind for chain in self.table.chains if chain.id == atom.chain)


def _way(pairs: Sequence[Pair], length: int, shape: tuple[int, ...]) -> Way:
    if len(pairs) > length:
        message = f"{len(pairs)} bonds are more than AlphaFold 3 has room for here, {length}."
        raise InputError(message, field=FIELD)
    indices = np.array(pairs, np.int64).reshape(-1, 2)
    return Way(padded(indices, length), padded(np.ones_like(indices, bool), length), shape)


def _fields(table: TokenTable, pairs: Sequence[Pair], name: str) -> dict[str, np.ndarray]:
    """Who is bonded, for the file that is written."""
    if not pairs:
        return {}
    places = np.array(pairs)
    columns = {field: array.ravel()[places].tolist() for field, array in slot_fields(table).items()}
    return {f"layout:{name}/{field}": np.array(column) for field, column in columns.items()}


def _written(atom: AtomReference) -> str:
    return f"{atom.atom} of residue {atom.residue} in chain {atom.chain}"
