"""The shapes that molecules have on their own, one conformer for every residue and ligand (AF3 SI 2.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import ArrayLike, DTypeLike

from foldwright import interrupts
from foldwright.chem.components import Component
from foldwright.chem.conformers import Conformer, conformer
from foldwright.chem.elements import atomic_number
from foldwright.chem.molecules import molecule
from foldwright.features.af3.batch import ATOMS_PER_TOKEN
from foldwright.features.af3.frames import has_frame
from foldwright.features.af3.layout import TokenTable, padded
from foldwright.features.af3.tokens import LONGEST_NAME, Residue

FRAMES_SEED = 12312837  # of the conformers by which the released program tells frames, whatever the job's seed
_SEEDS = 1 << 31  # those of RDKit lie below


@dataclass(frozen=True, eq=False)
class Draw:
    """What chance says about one residue: the seed of its conformer, and where that is put."""

    seed: int
    axes: Float[np.ndarray, "2 3"]
    shift: Float[np.ndarray, " 3"]  # angstrom

    def place(self, positions: Float[np.ndarray, "a 3"]) -> Float[np.ndarray, "a 3"]:
        """Centred, turned and moved."""
        first, second = self.axes
        x = first / max(np.linalg.norm(first), 1e-10)
        y = second - x * np.dot(second, x)
        y /= max(np.linalg.norm(y), 1e-10)
        rotation = np.stack([x, y, np.cross(x, y)])
        positions = positions.astype(np.float32)
        return (positions - positions.mean(axis=0)) @ rotation.T + self.shift


def draws(residues: Iterable[Residue], seed: int) -> list[Draw]:
    """One for each residue, in the order in which the released program asks its generator."""
    generator = np.random.RandomState(seed)
    known: dict[str, bool] = {}

    def draw(residue: Residue) -> Draw:
        # As released, a component that RDKit can make no molecule of asks for no seed, and all that follows moves up.
        if residue.code not in known:
            known[residue.code] = _has_molecule(residue.component)
        seed = int(generator.randint(1, _SEEDS)) if known[residue.code] else 0
        return Draw(seed, axes=generator.normal(size=(2, 3)), shift=generator.normal(size=3))

    return [draw(residue) for residue in residues]


def _has_molecule(component: Component) -> bool:
    return component.is_of_smiles or molecule(component) is not None


def residues_of(table: TokenTable) -> list[Residue]:
    """All residues in the order of their tokens."""
    return [residue for chain in table.chains for residue in chain.residues]


def conformers(residues: Sequence[Residue], seed: int, threads: int = 1) -> list[Conformer]:
    """The conformers of these residues, put where chance wants them; the same with any number of threads."""
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(_placed, residues, draws(residues, seed)))
    finally:
        interrupts.renew()  # RDKit listened meanwhile


def _placed(residue: Residue, draw: Draw) -> Conformer:
    found = conformer(residue.component, draw.seed)
    return replace(found, positions=draw.place(found.positions))


def reference_features(table: TokenTable, conformers: Sequence[Conformer], num_tokens: int) -> dict[str, np.ndarray]:
    """Where the atoms of conformers are and what they are, under the released program's names."""
    picked = [
        (found, [found.names.index(name) for name in residue.atoms])
        for residue, found in zip(residues_of(table), conformers, strict=True)
    ]
    features = {
        "ref_pos": _slots(table, np.concatenate([found.positions[atoms] for found, atoms in picked]), np.float32),
        "ref_mask": table.is_atom,
        "ref_element": _slots(table, [atomic_number(f.elements[i]) for f, atoms in picked for i in atoms], np.int32),
        "ref_charge": _slots(table, [found.charges[i] for found, atoms in picked for i in atoms], np.float32),
        "ref_atom_name_chars": name_characters(table.names),
        "ref_space_uid": np.repeat(table.space[:, None], ATOMS_PER_TOKEN, axis=1).astype(np.int32),
    }
    return {name: padded(array, num_tokens) for name, array in features.items()}


def _slots(table: TokenTable, atoms: ArrayLike, dtype: DTypeLike) -> np.ndarray:
    """What is known of every atom, laid into slots; 0 where there is none."""
    values = np.asarray(atoms)
    slots = np.zeros((*table.is_atom.shape, *values.shape[1:]), dtype)
    slots[table.is_atom] = values
    return slots


def name_characters(names: Shaped[np.ndarray, "n slots"]) -> Int[np.ndarray, "n slots 4"]:
    """The characters of every name, less 32, zeros after its end (AF3 SI 2.8)."""
    fixed = names.astype(f"U{LONGEST_NAME}")
    codes = fixed.view(np.uint32).reshape(*names.shape, LONGEST_NAME).astype(np.int32)
    return np.where(codes > 0, codes - 32, 0).astype(np.int32)


def frames_mask(table: TokenTable) -> Bool[np.ndarray, " n"]:
    """Which tokens span a frame, by conformers that are the same for all seeds (AF3 SI 4.3.2)."""
    residues = residues_of(table)
    positions = np.zeros((len(table), 3), np.float32)
    is_ligand = np.array([chain.kind == "ligand" for chain in table.chains])[table.chain]
    for number, (residue, draw) in enumerate(zip(residues, draws(residues, FRAMES_SEED), strict=True)):
        if residue.kind == "ligand" and len(residue.tokens) > 2:
            found = _placed(residue, draw)
            positions[table.space == number] = found.positions[[found.names.index(name) for name in residue.atoms]]
    return has_frame(is_ligand, positions, table.space)
