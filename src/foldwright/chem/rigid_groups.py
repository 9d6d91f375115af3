"""Idealised amino acids: rigid groups of atoms, hung on each other by torsions (AF2 Suppl. 1.8.4, Table 2).

Groups 0-7 of a residue: backbone, pre-omega, phi, psi, chi1, chi2, chi3, chi4.
"""

import csv
from importlib.resources import files

import numpy as np

from foldwright.chem.atoms import ATOM14_MASK, ATOM14_TO_ATOM37, ATOM_INDEX, ATOM_TYPES
from foldwright.chem.residues import RESTYPE_NAMES, RESTYPES

# Every four neighbours along a side chain define a chi angle.
CHI_PATHS = {
    "ARG": "N CA CB CG CD NE CZ",
    "ASN": "N CA CB CG OD1",
    "ASP": "N CA CB CG OD1",
    "CYS": "N CA CB SG",
    "GLN": "N CA CB CG CD OE1",
    "GLU": "N CA CB CG CD OE1",
    "HIS": "N CA CB CG ND1",
    "ILE": "N CA CB CG1 CD1",
    "LEU": "N CA CB CG CD1",
    "LYS": "N CA CB CG CD CE NZ",
    "MET": "N CA CB CG SD CE",
    "PHE": "N CA CB CG CD1",
    "PRO": "N CA CB CG CD",
    "SER": "N CA CB OG",
    "THR": "N CA CB OG1",
    "TRP": "N CA CB CG CD1",
    "TYR": "N CA CB CG CD1",
    "VAL": "N CA CB CG1",
}
PI_PERIODIC_CHI = {"D": 2, "E": 3, "F": 2, "Y": 2}  # AF2 Suppl. Table 2: turning this chi by pi changes names only


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of one of this package's tab-separated tables, without the comment lines."""
    with files("foldwright.chem").joinpath(name).open(encoding="utf-8") as lines:
        return list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"))


def _chi_atoms() -> tuple[np.ndarray, np.ndarray]:
    atoms, mask = np.zeros((21, 4, 4), dtype=np.int64), np.zeros((21, 4), dtype=np.float32)
    for residue, names in CHI_PATHS.items():
        path = [ATOM_INDEX[name] for name in names.split()]
        count = len(path) - 3
        row = RESTYPE_NAMES.index(residue)
        atoms[row, :count] = [path[k : k + 4] for k in range(count)]
        mask[row, :count] = 1
    return atoms, mask


def _chi_is_pi_periodic() -> np.ndarray:
    table = np.zeros((21, 4), dtype=np.float32)
    for letter, chi in PI_PERIODIC_CHI.items():
        table[RESTYPES.index(letter), chi - 1] = 1
    return table


def _atom37_groups_and_positions() -> tuple[np.ndarray, np.ndarray]:
    groups, positions = np.zeros((21, 37), dtype=np.int64), np.zeros((21, 37, 3))
    for row in read_table("rigid_group_atoms.tsv"):
        at = RESTYPE_NAMES.index(row["residue"]), ATOM_INDEX[row["atom"]]
        groups[at] = int(row["group"])
        positions[at] = [float(row[axis]) for axis in "xyz"]
    return groups, positions


def _group_atoms() -> tuple[np.ndarray, np.ndarray]:
    """Three atoms from which each group's frame is built, as in AF2 Suppl. Alg. 21 "rigidFrom3Points"."""
    atoms, mask = np.zeros((21, 8, 3), dtype=np.int64), np.zeros((21, 8), dtype=np.float32)
    atoms[:, 0] = [ATOM_INDEX[name] for name in ("C", "CA", "N")]
    atoms[:, 3] = [ATOM_INDEX[name] for name in ("CA", "C", "O")]
    atoms[:, 4:] = CHI_ATOMS[:, :, 1:]
    mask[:, [0, 3]] = 1
    mask[:, 4:] = CHI_MASK
    return atoms, mask


def _frame(x_axis: np.ndarray, in_xy_plane: np.ndarray, origin: np.ndarray) -> np.ndarray:
    x = x_axis / np.linalg.norm(x_axis)
    y = in_xy_plane - in_xy_plane.dot(x) * x
    y /= np.linalg.norm(y)
    frame = np.eye(4)
    frame[:3] = np.stack([x, y, np.cross(x, y), origin], axis=-1)
    return frame


def _default_frames(residue: int) -> np.ndarray:
    """Each group's frame in the frame of the group that carries it, all torsions zero; absent groups are zero."""
    at = dict(zip(ATOM_TYPES, _EXACT_POSITIONS[residue], strict=True))
    frames = np.zeros((8, 4, 4))
    frames[0] = frames[1] = np.eye(4)
    frames[2] = _frame(at["N"] - at["CA"], np.array([1.0, 0, 0]), at["N"])
    frames[3] = _frame(at["C"] - at["CA"], at["CA"] - at["N"], at["C"])
    for chi in range(int(CHI_MASK[residue].sum())):
        end = at[ATOM_TYPES[CHI_ATOMS[residue, chi, 2]]]
        # chi1 turns about CA-CB and starts at N; each further axis ends at an atom of the previous chi's group.
        frames[4 + chi] = _frame(end, at["N"] if chi == 0 else np.array([-1.0, 0, 0]), end)
    return frames


CHI_ATOMS, CHI_MASK = _chi_atoms()
CHI_IS_PI_PERIODIC = _chi_is_pi_periodic()

ATOM37_TO_RIGID_GROUP, _EXACT_POSITIONS = _atom37_groups_and_positions()
ATOM37_POSITIONS = _EXACT_POSITIONS.astype(np.float32)
_ROWS = np.arange(21)[:, None]
ATOM14_TO_RIGID_GROUP = ATOM37_TO_RIGID_GROUP[_ROWS, ATOM14_TO_ATOM37] * ATOM14_MASK.astype(np.int64)
ATOM14_POSITIONS = ATOM37_POSITIONS[_ROWS, ATOM14_TO_ATOM37] * ATOM14_MASK[..., None]  # angstrom, in the group's frame

RIGID_GROUP_ATOMS, RIGID_GROUP_MASK = _group_atoms()
RIGID_GROUP_FRAMES = np.zeros((21, 8, 4, 4), dtype=np.float32)
RIGID_GROUP_FRAMES[:20] = [_default_frames(residue) for residue in range(20)]
