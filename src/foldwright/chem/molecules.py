"""Components as RDKit molecules."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from foldwright.chem.components import Component
from foldwright.chem.elements import atomic_number
from foldwright.errors import InputError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

NAME = "atom_name"  # the property of an RDKit atom that holds its name in the component


@lru_cache(maxsize=256)
def molecule(component: Component) -> "Mol | None":
    """The sanitised molecule with every atom of the component; None if RDKit refuses a valence, as around most metals.

    Atoms stand in the order of their names, as in the released program, because what a seed gives depends on that
    order; stereochemistry is that of the ideal coordinates. It is kept: change a copy.
    """
    # Bonds of metals are not made dative: where valences need that, the released program takes stored coordinates.
    steps = _chem().SANITIZE_ALL ^ _chem().SANITIZE_CLEANUP_ORGANOMETALLICS
    return _sanitised(component, steps)


def forgiving_molecule(component: Component) -> "Mol | None":
    """The molecule of the component or its SMILES for looking at: bonds of metals may be dative, valences wrong."""
    if component.is_of_smiles and component.smiles:
        return molecule_of_smiles(component.smiles)
    found = _sanitised(component, _chem().SANITIZE_ALL)
    return found or _sanitised(component, _chem().SANITIZE_ALL ^ _chem().SANITIZE_PROPERTIES)


def is_chiral(atom: Any) -> bool:
    """Whether an RDKit atom is a tetrahedral centre with a known hand."""
    tags = _chem().ChiralType
    return atom.GetChiralTag() in (tags.CHI_TETRAHEDRAL_CW, tags.CHI_TETRAHEDRAL_CCW)


def molecule_of_smiles(smiles: str) -> "Mol":
    """The molecule with its hydrogens, its atoms named as by the released program.

    Heavy atoms keep the order of the SMILES; a name is the element and a number that counts it from 1: C1, C2, CL1.
    Raises InputError, with RDKit's reason, if it cannot be read or has an atom without an element (`*`).
    """
    chem = _chem()
    with silent_rdkit():
        try:
            found = chem.MolFromSmiles(smiles)
        except Exception as error:  # the binding raises several kinds for text it cannot take
            raise InputError(f"RDKit cannot read the SMILES {smiles!r}: {error}.", field="smiles") from error
        if found is None or not found.GetNumAtoms():
            raise InputError(f"RDKit cannot read the SMILES {smiles!r}: {_complaint(smiles)}.", field="smiles")
        found = chem.AddHs(found)
    if any(atom.GetAtomicNum() == 0 for atom in found.GetAtoms()):
        raise InputError(f"The SMILES {smiles!r} has an atom without an element.", field="smiles")
    counts: dict[str, int] = {}
    for atom in found.GetAtoms():
        element = atom.GetSymbol().upper()
        counts[element] = counts.get(element, 0) + 1
        atom.SetProp(NAME, f"{element}{counts[element]}")
    return found


def _complaint(smiles: str) -> str:
    chem = _chem()
    loose = chem.MolFromSmiles(smiles, sanitize=False)
    if loose is None:
        return "it is not well formed"
    problems = chem.DetectChemistryProblems(loose)
    return problems[0].Message().strip().rstrip(".") if problems else "it has no atoms"


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


def _sanitised(component: Component, steps: Any) -> "Mol | None":
    chem = _chem()
    mol = _assembled(component)
    with silent_rdkit():
        try:
            chem.SanitizeMol(mol, steps)
            if len(component.atoms) and np.isfinite(component.atoms.ideal).all():
                chem.AssignStereochemistryFrom3D(mol)
        except (ValueError, RuntimeError):  # RDKit's own errors are kinds of ValueError
            return None
    mol.RemoveAllConformers()
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
