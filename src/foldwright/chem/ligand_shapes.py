"""What is certain about a ligand's shape: its bond lengths and the handedness of its centres."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from foldwright.chem.components import Component
from foldwright.chem.conformers import conformer
from foldwright.chem.elements import METALS, covalent_radius
from foldwright.chem.molecules import forgiving_molecule, is_chiral, names

_SEED = 1  # of the conformer of a component without coordinates


@dataclass(frozen=True)
class StereoCentre:
    """An atom whose heavy neighbours have a hand."""

    atom: int
    neighbours: tuple[int, ...]  # three or more


@dataclass(frozen=True, eq=False)
class LigandShape:
    """The heavy atoms of a component, in its order; numbers of atoms are places among them."""

    names: tuple[str, ...]
    elements: tuple[str, ...]
    positions: Float[np.ndarray, "atoms 3"]  # of a correct shape, in angstrom; NaN where none is known
    bonds: Int[np.ndarray, "bonds 2"]
    lengths: Float[np.ndarray, " bonds"]  # angstrom
    centres: tuple[StereoCentre, ...]


@lru_cache(maxsize=256)
def ligand_shape(component: Component) -> LigandShape:
    """The shape in ideal coordinates, else in a conformer or model coordinates.

    Centres are those that the CCD's ideal coordinates or the SMILES decide. Where the two oxygens of a phosphate or the
    like differ by a proton alone there is none.
    """
    heavy = np.flatnonzero(~component.atoms.is_hydrogen)
    place = {component.atoms.names[i]: k for k, i in enumerate(heavy)}
    elements = tuple(component.atoms.elements[i] for i in heavy)
    pairs = [(place[b.atom_1], place[b.atom_2]) for b in component.bonds if b.atom_1 in place and b.atom_2 in place]
    bonds = np.array(pairs, int).reshape(-1, 2)
    positions = _positions(component)[heavy]
    return LigandShape(
        names=tuple(place),
        elements=elements,
        positions=positions,
        bonds=bonds,
        lengths=_lengths(positions, elements, bonds),
        centres=_centres(component, place, elements, pairs),
    )


def _positions(component: Component) -> Float[np.ndarray, "atoms 3"]:
    if np.isfinite(component.atoms.ideal).all():
        return component.atoms.ideal
    found = conformer(component, _SEED, reference_date=None)
    return found.positions if found.source != "none" else np.full((len(component.atoms), 3), np.nan)


def _lengths(
    positions: Float[np.ndarray, "atoms 3"], elements: tuple[str, ...], bonds: Int[np.ndarray, "bonds 2"]
) -> Float[np.ndarray, " bonds"]:
    radii = np.array([covalent_radius(element) for element in elements])
    first, second = bonds.T
    lengths = np.linalg.norm(positions[first] - positions[second], axis=-1)
    has_metal = np.isin(np.array(elements)[bonds], list(METALS)).any(axis=1)  # ideal coordinates are poor there
    is_known = np.isfinite(lengths) & (lengths > 0) & ~has_metal
    return np.where(is_known, lengths, radii[first] + radii[second])


def _centres(
    component: Component, place: dict[str, int], elements: tuple[str, ...], bonds: list[tuple[int, int]]
) -> tuple[StereoCentre, ...]:
    mol = forgiving_molecule(component)
    if mol is None:
        return ()
    neighbours: list[list[int]] = [[] for _ in place]
    for i, j in bonds:
        neighbours[i].append(j)
        neighbours[j].append(i)
    chiral = [name for name, atom in zip(names(mol), mol.GetAtoms(), strict=True) if is_chiral(atom)]
    found = [place[name] for name in chiral if name in place]
    return tuple(
        StereoCentre(i, tuple(neighbours[i]))
        for i in sorted(found)
        if len(neighbours[i]) >= 3
        and elements[i] not in METALS
        and not _has_like_ends(neighbours[i], neighbours, elements)
    )


def _has_like_ends(around: list[int], neighbours: list[list[int]], elements: tuple[str, ...]) -> bool:
    ends = [elements[k] for k in around if len(neighbours[k]) == 1]
    return len(set(ends)) < len(ends)
