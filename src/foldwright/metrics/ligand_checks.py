"""Whether the ligands of a prediction are sound molecules: their hands, their bond lengths, and what they run into.

The limits are those of PoseBusters (Buttenschoen et al. 2024): bonds within 25 % of what is expected, and atoms that
are not bonded no closer than 75 % of the sum of their radii.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.chem.components import Component
from foldwright.chem.elements import METALS, covalent_radius, vdw_radius
from foldwright.chem.ligand_shapes import LigandShape, StereoCentre, ligand_shape
from foldwright.io.complexes.job import AtomReference
from foldwright.io.complexes.structure import ComplexStructure

BOND_TOLERANCE = 0.25  # of the expected length
CLASH_FRACTION = 0.75  # of the sum of two radii
_FARTHEST = 4.2  # angstrom, beyond which no two atoms can clash
_LISTED = 20  # clashes and bonds in a record, the worst first

Bonds = Iterable[tuple[AtomReference, AtomReference]]


@dataclass(frozen=True)
class BondOutlier:
    """A bond that is too short or too long, in angstrom."""

    atom_1: AtomReference
    atom_2: AtomReference
    length: float
    expected: float


@dataclass(frozen=True)
class Clash:
    """An atom of a ligand that is too near to another it is not bonded with, in angstrom."""

    atom: AtomReference
    other: AtomReference
    distance: float
    allowed: float


@dataclass(frozen=True, kw_only=True)
class LigandChecks:
    """What was looked at in one chain that is a ligand, and what is wrong."""

    chain: str
    codes: tuple[str, ...]
    chirality_total: int
    wrong_centres: tuple[AtomReference, ...]
    bonds_total: int
    bond_outliers: tuple[BondOutlier, ...]
    clashes: tuple[Clash, ...]

    @property
    def chirality_ok(self) -> int:
        """How many centres have the right hand."""
        return self.chirality_total - len(self.wrong_centres)

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong."""
        return not (self.wrong_centres or self.bond_outliers or self.clashes)

    @property
    def clashing_chains(self) -> dict[str, int]:
        """The chains it runs into, with the number of pairs of atoms."""
        chains = [clash.other.chain for clash in self.clashes]
        return {chain: chains.count(chain) for chain in dict.fromkeys(chains)}

    def record(self) -> dict[str, Any]:
        """For a JSON file: every number, and the worst of what is wrong."""
        return {
            "chain": self.chain,
            "codes": list(self.codes),
            "is_sound": self.is_sound,
            "chirality_ok": self.chirality_ok,
            "chirality_total": self.chirality_total,
            "wrong_centres": [asdict(atom) for atom in self.wrong_centres],
            "bonds_total": self.bonds_total,
            "num_bond_outliers": len(self.bond_outliers),
            "bond_outliers": [asdict(bond) for bond in self.bond_outliers[:_LISTED]],
            "num_clashes": len(self.clashes),
            "clashing_chains": self.clashing_chains,
            "clashes": [asdict(clash) for clash in self.clashes[:_LISTED]],
        }


def ligand_checks(
    structure: ComplexStructure, components: Mapping[str, Component], bonds: Bonds = ()
) -> tuple[LigandChecks, ...]:
    """The checks of every chain that is no polymer, in the structure's order.

    `components` holds those of the ligands by residue name, made of SMILES or read; `bonds` are the job's own, between
    residues.
    """
    linked = _linked(structure, bonds)
    chains = dict.fromkeys(structure.chain_ids[~structure.is_polymer].tolist())
    return tuple(_checks(structure, chain, components, linked) for chain in chains)


def _checks(
    structure: ComplexStructure, chain: str, components: Mapping[str, Component], linked: Int[np.ndarray, "links 2"]
) -> LigandChecks:
    own = structure.chain_ids == chain
    codes, bonds, expected, wrong, num_centres = [], [], [], [], 0
    for atoms in _residues(structure, own):
        code = str(structure.residue_names[atoms[0]])
        shape = ligand_shape(components[code])
        place = {str(structure.atom_names[i]): i for i in atoms.tolist()}
        centres = list(_present_centres(shape, place))
        wrong += [atom for atom, kept, centre in centres if not _has_right_hand(structure, shape, atom, kept, centre)]
        num_centres += len(centres)
        found, lengths = _present_bonds(shape, place)
        codes.append(code)
        bonds += found
        expected += lengths
    across = linked[own[linked].any(axis=1)].tolist()
    radii = _radii(structure.elements, covalent_radius)
    pairs = np.array([*bonds, *across], int).reshape(-1, 2)
    lengths = np.array([*expected, *(radii[i] + radii[j] for i, j in across)])
    return LigandChecks(
        chain=chain,
        codes=tuple(codes),
        chirality_total=num_centres,
        wrong_centres=tuple(_reference(structure, atom) for atom in wrong),
        bonds_total=len(pairs),
        bond_outliers=tuple(_bond_outliers(structure, pairs, lengths)),
        clashes=tuple(_clashes(structure, own, pairs, linked)),
    )


def _residues(structure: ComplexStructure, own: Bool[np.ndarray, " atoms"]) -> list[Int[np.ndarray, " own"]]:
    atoms = np.flatnonzero(own)
    return [atoms[structure.residue_ids[atoms] == number] for number in np.unique(structure.residue_ids[atoms])]


def _present_centres(
    shape: LigandShape, place: Mapping[str, int]
) -> Iterator[tuple[int, tuple[int, ...], StereoCentre]]:
    """Centres with three neighbours that the structure has: its atom there, the neighbours in the shape, the centre."""
    for centre in shape.centres:
        kept = tuple(k for k in centre.neighbours if shape.names[k] in place)[:3]
        if shape.names[centre.atom] in place and len(kept) == 3 and np.isfinite(shape.positions).all():
            yield place[shape.names[centre.atom]], kept, centre


def _has_right_hand(
    structure: ComplexStructure, shape: LigandShape, atom: int, kept: tuple[int, ...], centre: StereoCentre
) -> bool:
    same = structure.residue_ids == structure.residue_ids[atom]
    same &= structure.chain_ids == structure.chain_ids[atom]
    around = [int(np.flatnonzero(same & (structure.atom_names == shape.names[k]))[0]) for k in kept]
    ours = _volume(structure.positions[[atom, *around]])
    theirs = _volume(shape.positions[[centre.atom, *kept]])
    return bool(ours * theirs > 0)


def _volume(positions: Float[np.ndarray, "4 3"]) -> float:
    """Of the edges from the first point; its sign is the hand, 0 where something is not a number."""
    edges = positions[1:].astype(float) - positions[0]
    return float(np.linalg.det(edges)) if np.isfinite(edges).all() else 0.0


def _present_bonds(shape: LigandShape, place: Mapping[str, int]) -> tuple[list[list[int]], list[float]]:
    found = [
        ([place[shape.names[i]], place[shape.names[j]]], float(length))
        for (i, j), length in zip(shape.bonds.tolist(), shape.lengths, strict=True)
        if shape.names[i] in place and shape.names[j] in place
    ]
    return [pair for pair, _ in found], [length for _, length in found]


def _bond_outliers(
    structure: ComplexStructure, pairs: Int[np.ndarray, "bonds 2"], expected: Float[np.ndarray, " bonds"]
) -> list[BondOutlier]:
    ends = structure.positions[pairs].astype(float)
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    strain = np.abs(lengths / expected - 1)
    return [
        BondOutlier(
            _reference(structure, pairs[k, 0]), _reference(structure, pairs[k, 1]), *_rounded(lengths, expected, k)
        )
        for k in np.argsort(-strain, kind="stable")
        if not strain[k] <= BOND_TOLERANCE  # so that NaN counts
    ]


def _clashes(
    structure: ComplexStructure,
    own: Bool[np.ndarray, " atoms"],
    bonds: Int[np.ndarray, "bonds 2"],
    linked: Int[np.ndarray, "links 2"],
) -> list[Clash]:
    mine = np.flatnonzero(own)
    low, high = structure.positions[mine].min(axis=0) - _FARTHEST, structure.positions[mine].max(axis=0) + _FARTHEST
    others = np.flatnonzero(((structure.positions > low) & (structure.positions < high)).all(axis=1))
    gaps = structure.positions[mine][:, None].astype(float) - structure.positions[others][None]
    distances = np.linalg.norm(gaps, axis=-1)
    allowed = CLASH_FRACTION * _contact(structure.elements[mine], structure.elements[others])
    seen_once = ~own[others][None] | (mine[:, None] < others[None])
    is_clash = seen_once & (distances < allowed) & ~_excused(structure, mine, others, bonds, linked)
    found = sorted(np.argwhere(is_clash).tolist(), key=lambda pair: distances[tuple(pair)])
    return [
        Clash(_reference(structure, mine[i]), _reference(structure, others[j]), *_rounded(distances, allowed, (i, j)))
        for i, j in found
    ]


def _contact(first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "first second"]:
    """Sums of van der Waals radii; of covalent radii where one is a metal, which binds what it touches."""
    is_metal = [np.isin(elements, list(METALS)) for elements in (first, second)]
    binds = is_metal[0][:, None] | is_metal[1][None]
    sums = [_radii(first, radius)[:, None] + _radii(second, radius)[None] for radius in (covalent_radius, vdw_radius)]
    return np.where(binds, *sums)


def _radii(elements: np.ndarray, radius: Any) -> Float[np.ndarray, " atoms"]:
    return np.array([radius(str(element)) for element in elements], float)


def _excused(
    structure: ComplexStructure,
    mine: Int[np.ndarray, " mine"],
    others: Int[np.ndarray, " others"],
    bonds: Int[np.ndarray, "bonds 2"],
    linked: Int[np.ndarray, "links 2"],
) -> Bool[np.ndarray, "mine others"]:
    """Atoms up to three bonds apart, and the ends of a bond between residues with anything of the other's residue."""
    excused = _near_in_bonds(len(structure), bonds, mine)[:, others]
    for pair in linked.tolist():
        for end, partner in (pair, pair[::-1]):
            near = _same_residue(structure, partner)
            excused |= (mine == end)[:, None] & near[others][None]
            excused |= near[mine][:, None] & (others == end)[None]
    return excused


def _near_in_bonds(
    num_atoms: int, bonds: Int[np.ndarray, "bonds 2"], mine: Int[np.ndarray, " mine"]
) -> Bool[np.ndarray, "mine atoms"]:
    reached = np.zeros((len(mine), num_atoms), bool)
    reached[np.arange(len(mine)), mine] = True
    for _ in range(3):
        further = reached.copy()
        for i, j in bonds.tolist():
            further[:, i] |= reached[:, j]
            further[:, j] |= reached[:, i]
        reached = further
    return reached


def _same_residue(structure: ComplexStructure, atom: int) -> Bool[np.ndarray, " atoms"]:
    same = structure.residue_ids == structure.residue_ids[atom]
    return same & (structure.chain_ids == structure.chain_ids[atom])


def _linked(structure: ComplexStructure, bonds: Bonds) -> Int[np.ndarray, "links 2"]:
    """The atoms that the job's bonds join; those that the structure lacks are left out."""
    pairs = [[_find(structure, end) for end in pair] for pair in bonds]
    return np.array([pair for pair in pairs if None not in pair], int).reshape(-1, 2)


def _find(structure: ComplexStructure, atom: AtomReference) -> int | None:
    is_it = (structure.chain_ids == atom.chain) & (structure.residue_ids == atom.residue)
    found = np.flatnonzero(is_it & (structure.atom_names == atom.atom))
    return int(found[0]) if len(found) else None


def _reference(structure: ComplexStructure, atom: int | np.integer) -> AtomReference:
    chain, residue, name = (x[atom] for x in (structure.chain_ids, structure.residue_ids, structure.atom_names))
    return AtomReference(str(chain), int(residue), str(name))


def _rounded(first: np.ndarray, second: np.ndarray, at: Any) -> tuple[float, float]:
    return round(float(first[at]), 2), round(float(second[at]), 2)
