"""Amino acids: their letters, names and numbers, and those of the alignments that mention them."""

import numpy as np

ONE_TO_THREE = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER",
    "T": "THR", "W": "TRP", "Y": "TYR", "V": "VAL",
}  # fmt: skip
THREE_TO_ONE = {name: letter for letter, name in ONE_TO_THREE.items()}

RESTYPES = tuple(ONE_TO_THREE)  # AF2 Suppl. 1.2.1: alphabetical by three-letter name
RESTYPE_NAMES = tuple(ONE_TO_THREE.values())
RESTYPES_WITH_X = (*RESTYPES, "X")
RESTYPE_INDEX = {letter: i for i, letter in enumerate(RESTYPES_WITH_X)}
UNKNOWN = RESTYPE_INDEX["X"]  # 20

MSA_LETTERS = (*RESTYPES_WITH_X, "-")
GAP = MSA_LETTERS.index("-")  # 21
MASKED = GAP + 1  # 22, the token of the masked-MSA task (AF2 Suppl. 1.2.7)

# Letters for which an alignment stands in an amino acid: B is D or N, Z is E or Q, U is selenocysteine.
_AMBIGUOUS_LETTERS = {"B": "D", "Z": "E", "U": "C", "J": "X", "O": "X"}
MSA_INDEX = {letter: i for i, letter in enumerate(MSA_LETTERS)} | {
    letter: MSA_LETTERS.index(meant) for letter, meant in _AMBIGUOUS_LETTERS.items()
}

HHBLITS_LETTERS = "ACDEFGHIKLMNPQRSTVWYX-"  # the order in which HH-suite numbers residues: alphabetical by letter
HHBLITS_TO_RESTYPE = np.array([MSA_INDEX[letter] for letter in HHBLITS_LETTERS])


def sequence_to_aatype(sequence: str) -> np.ndarray:
    """Residue types of a one-letter sequence; every letter but the 20 becomes X (20)."""
    return np.array([RESTYPE_INDEX.get(letter, UNKNOWN) for letter in sequence], dtype=np.int64)


def aatype_to_sequence(aatype: np.ndarray) -> str:
    """The one-letter sequence of residue types 0-20."""
    return "".join(RESTYPES_WITH_X[i] for i in aatype)
