"""Heavy atoms of the amino acids, in the dense layout (14 per residue) and the sparse one (37 names)."""

import numpy as np

from foldwright.chem.residues import RESTYPE_NAMES

# AF2 Suppl. 1.2.1 "atom37": one slot for each atom name of the 20 amino acids.
_NAMES = (
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH "
    "CZ CZ2 CZ3 NZ OXT"
)
ATOM_TYPES = tuple(_NAMES.split())
ATOM_INDEX = {name: i for i, name in enumerate(ATOM_TYPES)}

# "atom14": the atoms that a residue has, backbone first.
ATOM14_NAMES = {
    residue: tuple(f"N CA C O {side_chain}".split())
    for residue, side_chain in {
        "ALA": "CB",
        "ARG": "CB CG CD NE CZ NH1 NH2",
        "ASN": "CB CG OD1 ND2",
        "ASP": "CB CG OD1 OD2",
        "CYS": "CB SG",
        "GLN": "CB CG CD OE1 NE2",
        "GLU": "CB CG CD OE1 OE2",
        "GLY": "",
        "HIS": "CB CG ND1 CD2 CE1 NE2",
        "ILE": "CB CG1 CG2 CD1",
        "LEU": "CB CG CD1 CD2",
        "LYS": "CB CG CD CE NZ",
        "MET": "CB CG SD CE",
        "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
        "PRO": "CB CG CD",
        "SER": "CB OG",
        "THR": "CB OG1 CG2",
        "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
        "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
        "VAL": "CB CG1 CG2",
    }.items()
}
ATOM14_NAMES["UNK"] = ()

# AF2 Suppl. Table 3: atoms whose names may be exchanged because the residue is symmetric by 180 degrees.
SWAPPABLE_ATOMS = {
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
}

VDW_RADIUS = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8}  # angstrom; Bondi (1964)
ATOM37_VDW_RADIUS = np.array([VDW_RADIUS[name[0]] for name in ATOM_TYPES])


def _atom14_to_atom37() -> np.ndarray:
    table = np.zeros((21, 14), dtype=np.int64)
    for i, residue in enumerate(RESTYPE_NAMES):
        table[i, : len(ATOM14_NAMES[residue])] = [ATOM_INDEX[name] for name in ATOM14_NAMES[residue]]
    return table


def _atom37_to_atom14() -> np.ndarray:
    table = np.zeros((21, 37), dtype=np.int64)
    for i, residue in enumerate(RESTYPE_NAMES):
        for slot, name in enumerate(ATOM14_NAMES[residue]):
            table[i, ATOM_INDEX[name]] = slot
    return table


def _atom14_mask() -> np.ndarray:
    counts = [len(ATOM14_NAMES[residue]) for residue in (*RESTYPE_NAMES, "UNK")]
    return (np.arange(14) < np.array(counts)[:, None]).astype(np.float32)


def _atom37_mask() -> np.ndarray:
    names = [ATOM14_NAMES[residue] for residue in (*RESTYPE_NAMES, "UNK")]
    return np.array([[name in present for name in ATOM_TYPES] for present in names], dtype=np.float32)


def _renaming() -> np.ndarray:
    matrices = np.tile(np.eye(14, dtype=np.float32), (21, 1, 1))
    for residue, pairs in SWAPPABLE_ATOMS.items():
        order = list(range(14))
        for a, b in pairs:
            i, j = ATOM14_NAMES[residue].index(a), ATOM14_NAMES[residue].index(b)
            order[i], order[j] = j, i
        matrices[RESTYPE_NAMES.index(residue)] = np.eye(14, dtype=np.float32)[order]
    return matrices


ATOM14_TO_ATOM37 = _atom14_to_atom37()  # 0 in empty slots
ATOM37_TO_ATOM14 = _atom37_to_atom14()
ATOM14_MASK = _atom14_mask()
ATOM37_MASK = _atom37_mask()
ATOM14_RENAMING = _renaming()  # renaming @ positions exchanges the swappable atoms
ATOM14_IS_AMBIGUOUS = 1 - np.diagonal(ATOM14_RENAMING, axis1=1, axis2=2)
