"""Components as RDKit molecules."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from foldwright.chem.components import Component
from foldwright.chem.elements import atomic_number
from foldwright.errors import InputError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

NAME = "atom_name"  # the property of an RDKit atom that holds its name in the component


def molecule(component: Component) -> "Mol | None":
    """The sanitised molecule with every atom of the component; None if RDKit refuses a valence, as around most metals.

    Atoms stand in the order of their names, as in the released program, because what a seed gives depends on that
    order; stereochemistry is that of the ideal coordinates.
    """
    found = _sanitised(_assembled(component))
    if found is None:
        return None
    if np.isfinite(component.atoms.ideal).all() and len(component.atoms):
        _chem().AssignStereochemistryFrom3D(found)
    found.RemoveAllConformers()
    return found


def molecule_of_smiles(smiles: str) -> "Mol":
    """The molecule with its hydrogens, its atoms named as by the released program.

    Heavy atoms keep the order of the SMILES; a name is the element and a number that counts it from 1: C1, C2, CL1.
    Raises InputError if it cannot be read.
    """
    chem = _chem()
    with silent_rdkit():
        found = chem.MolFromSmiles(smiles) if smiles.strip() else None
        if found is not None:
            found = chem.AddHs(found)
    if found is None or not found.GetNumAtoms():
        raise InputError(f"RDKit cannot read the SMILES {smiles!r}.", field="smiles")
    counts: dict[str, int] = {}
    for atom in found.GetAtoms():
        element = atom.GetSymbol().upper()
        counts[element] = counts.get(element, 0) + 1
        atom.SetProp(NAME, f"{element}{counts[element]}")
    return found


def names(mol: "Mol") -> tuple[str, ...]:
    """The names of the atoms, in RDKit's order."""
    return tuple(atom.GetProp(NAME) for atom in mol.GetAtoms())


@contextmanager
def silent_rdkit() -> Iterator[None]:
    """RDKit writes no warnings inside."""
    with import_rdkit("rdBase").BlockLogs():
        yield


def _assembled(component: Component) -> "Mol":
    chem = _chem()
    mol, atoms = chem.RWMol(), component.atoms
    order = sorted(range(len(atoms)), key=lambda i: atoms.names[i])
    place = {atoms.names[i]: k for k, i in enumerate(order)}
    conformer = chem.Conformer(len(order))
    for k, i in enumerate(order):
        atom = chem.Atom(atomic_number(atoms.elements[i]))
        atom.SetFormalCharge(int(atoms.charges[i]))
        atom.SetProp(NAME, atoms.names[i])
        mol.AddAtom(atom)
        conformer.SetAtomPosition(k, np.nan_to_num(atoms.ideal[i]).tolist())
    for bond in component.bonds:
        kind = _BOND_TYPES.get(bond.order, "SINGLE")
        mol.AddBond(place[bond.atom_1], place[bond.atom_2], getattr(chem.BondType, kind))
    mol.AddConformer(conformer)
    return mol


_BOND_TYPES = {"DOUB": "DOUBLE", "TRIP": "TRIPLE", "QUAD": "QUADRUPLE", "AROM": "AROMATIC", "DELO": "AROMATIC"}


def _sanitised(mol: Any) -> "Mol | None":
    chem = _chem()
    # Bonds of metals are not made dative: where valences need that, the released program takes stored coordinates.
    steps = chem.SANITIZE_ALL ^ chem.SANITIZE_CLEANUP_ORGANOMETALLICS
    with silent_rdkit():
        try:
            chem.SanitizeMol(mol, steps)
        except (ValueError, RuntimeError):  # RDKit's own errors are kinds of ValueError
            return None
    return mol.GetMol()


def import_rdkit(name: str) -> Any:
    """A module of RDKit by name. Raises InputError, with the remedy, where RDKit is not installed."""
    from importlib import import_module

    try:
        return import_module(f"rdkit.{name}")
    except ImportError as error:
        message = "Ligands need RDKit, which is not installed."
        raise InputError(message, remedy='pip install "foldwright[af3]" brings it.') from error


def _chem() -> Any:
    return import_rdkit("Chem")
