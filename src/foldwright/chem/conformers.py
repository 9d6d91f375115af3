"""Reference conformers of components (AF3 SI 2.8), and components of SMILES."""

from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Int

from foldwright.chem.components import Component, ComponentAtoms, ComponentBond
from foldwright.chem.molecules import import_rdkit, molecule, molecule_of_smiles, names, silent_rdkit

if TYPE_CHECKING:
    from rdkit.Chem import Mol

SECONDS = 60.0  # that RDKit may take for one attempt
TRAINING_CUTOFF = date(2021, 9, 30)  # AF3 SI 2.8: model coordinates must be from before it
_SMILES_SEED = 1  # of the coordinates that stand as "ideal" in the component of a SMILES

Source = Literal["rdkit", "ideal", "model", "none"]


@dataclass(frozen=True, eq=False)
class Conformer:
    """Atoms with hydrogens in the component's order; positions in angstrom, zeros where the source is "none"."""

    names: tuple[str, ...]
    elements: tuple[str, ...]
    charges: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"]
    source: Source


def conformer(
    component: Component, seed: int, seconds: float = SECONDS, reference_date: date | None = TRAINING_CUTOFF
) -> Conformer:
    """A conformer by ETKDGv3 (AF3 SI 2.8), the same for the same seed and version of RDKit.

    `source` says what was used where RDKit fails or takes longer than `seconds`: the CCD's ideal coordinates, else its
    model coordinates if the entry was last modified before `reference_date` (None: whenever), else zeros.
    """
    positions, source = _embedded_in_order(component, seed, seconds), "rdkit"
    if positions is None:
        positions, source = _stored(component, reference_date)
    atoms = component.atoms
    return Conformer(atoms.names, atoms.elements, atoms.charges, positions, source)


def component_of_smiles(smiles: str, code: str) -> Component:
    """A component with the atom names of the released program, its hydrogens last.

    Its ideal coordinates are a conformer of a fixed seed, NaN where RDKit finds none.
    Raises InputError if RDKit cannot read the SMILES.
    """
    chem, descriptors = import_rdkit("Chem"), import_rdkit("Chem.Descriptors")
    mol = molecule_of_smiles(smiles)
    positions = embedded(mol, _SMILES_SEED, SECONDS)
    unknown = np.full((mol.GetNumAtoms(), 3), np.nan)
    atoms = ComponentAtoms(
        names=names(mol),
        elements=tuple(atom.GetSymbol().upper() for atom in mol.GetAtoms()),
        charges=np.array([atom.GetFormalCharge() for atom in mol.GetAtoms()], int),
        ideal=unknown if positions is None else positions,
        model=unknown,
        is_leaving=np.zeros(mol.GetNumAtoms(), bool),
    )
    aromatic = {bond.GetIdx() for bond in mol.GetBonds() if bond.GetIsAromatic()}
    kekulised = chem.Mol(mol)
    chem.Kekulize(kekulised, clearAromaticFlags=True)
    bonds = tuple(
        ComponentBond(
            atoms.names[bond.GetBeginAtomIdx()],
            atoms.names[bond.GetEndAtomIdx()],
            _ORDERS.get(str(bond.GetBondType()), "SING"),
            bond.GetIdx() in aromatic,
        )
        for bond in kekulised.GetBonds()
    )
    return Component(
        code=code,
        name=code,
        type="NON-POLYMER",
        formula=import_rdkit("Chem.rdMolDescriptors").CalcMolFormula(mol),
        weight=descriptors.MolWt(mol),
        parent=None,
        synonyms="",
        atoms=atoms,
        bonds=bonds,
        smiles=smiles,
        is_of_smiles=True,
    )


_ORDERS = {"SINGLE": "SING", "DOUBLE": "DOUB", "TRIPLE": "TRIP", "QUADRUPLE": "QUAD", "AROMATIC": "AROM"}


def embedded(mol: "Mol", seed: int, seconds: float) -> Float[np.ndarray, "atoms 3"] | None:
    """Positions by ETKDGv3, from random coordinates if the usual start fails; None if both do, or time runs out.

    RDKit looks at the clock between its steps, of which one takes seconds where there are hundreds of atoms.
    """
    distances = import_rdkit("Chem.rdDistGeom")
    mol = import_rdkit("Chem").Mol(mol)
    parameters = distances.ETKDGv3()
    parameters.randomSeed = seed
    end = monotonic() + seconds
    with silent_rdkit():
        for from_random in (False, True):
            parameters.useRandomCoords = from_random
            parameters.timeout = max(1, round(end - monotonic()))
            try:
                number = distances.EmbedMolecule(mol, parameters)
            except (ValueError, RuntimeError):
                return None
            if number >= 0:
                positions = mol.GetConformer(number).GetPositions()
                return positions if np.isfinite(positions).all() else None
            if monotonic() >= end - 1:
                return None
    return None


def _embedded_in_order(component: Component, seed: int, seconds: float) -> np.ndarray | None:
    mol = molecule_of_smiles(component.smiles) if component.is_of_smiles and component.smiles else molecule(component)
    if mol is None or not mol.GetNumAtoms():
        return None
    positions = embedded(mol, seed, seconds)
    if positions is None:
        return None
    place = {name: i for i, name in enumerate(names(mol))}
    return positions[[place[name] for name in component.atoms.names]]


def _stored(component: Component, reference_date: date | None) -> tuple[np.ndarray, Source]:
    """Positions of the CCD; as released, zeros for the coordinates that are missing there."""
    atoms = component.atoms
    is_early = reference_date is None or (component.modified is not None and component.modified < reference_date)
    choose_model = is_early and not np.isfinite(atoms.ideal).all()
    positions, source = (atoms.model, "model") if choose_model else (atoms.ideal, "ideal")
    return np.nan_to_num(positions), source if np.isfinite(positions).any() else "none"
