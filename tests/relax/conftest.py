"""Small structures to relax, made here."""

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.io.structure import Structure

PHI, PSI, OMEGA = -57.0, -47.0, 180.0  # degrees, of an alpha helix
SEQUENCE = "GCALHFPKCE"


def place(a, b, c, length, angle, torsion):
    """The atom bonded to c with this angle to b and torsion about b-c; degrees."""
    angle, torsion = np.deg2rad([angle, torsion])
    axis = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, axis)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, axis)
    turned = np.cos(torsion) * across + np.sin(torsion) * normal
    return c + length * (-np.cos(angle) * axis + np.sin(angle) * turned)


def helical_backbone(length):
    """N, CA, C and O of an ideal helix: [length 4 3]."""
    atoms = [np.zeros(3), np.array([1.458, 0, 0])]
    atoms.append(atoms[1] + 1.525 * np.array([-np.cos(np.deg2rad(111)), np.sin(np.deg2rad(111)), 0]))
    for _ in range(length):
        atoms.append(place(*atoms[-3:], 1.329, 116.6, PSI))
        atoms.append(place(*atoms[-3:], 1.458, 121.4, OMEGA))
        atoms.append(place(*atoms[-3:], 1.525, 111.0, PHI))
    n, ca, c = np.array(atoms).reshape(-1, 3, 3).transpose(1, 0, 2)
    oxygen = [place(n[i], ca[i], c[i], 1.231, 120.1, PSI + 180) for i in range(length)]
    return np.stack([n[:length], ca[:length], c[:length], np.array(oxygen)], axis=1)


def turned(points, origin, end, direction):
    """Points turned about the origin so that the vector to `end` has this direction, the origin then at 0."""
    a, b = (end - origin) / np.linalg.norm(end - origin), direction / np.linalg.norm(direction)
    v, c = np.cross(a, b), a @ b
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return (points - origin) @ (np.eye(3) + cross + cross @ cross / (1 + c)).T


def backbone_of(*sequences, apart=30.0, chain_ids=None):
    """Helices beside each other, without side chains."""
    total = sum(map(len, sequences))
    positions, mask = np.zeros((total, 37, 3)), np.zeros((total, 37))
    slots = [ATOM_INDEX[name] for name in ("N", "CA", "C", "O")]
    places = [helical_backbone(len(sequence)) + np.array([0, apart * k, 0]) for k, sequence in enumerate(sequences)]
    positions[:, slots], mask[:, slots] = np.concatenate(places), 1
    plddt = np.linspace(40, 90, total)
    return Structure.of_sequences(sequences, positions, mask, plddt, chain_ids=chain_ids, name="helix")


@pytest.fixture
def backbone():
    """Backbones of helices with these sequences."""
    return backbone_of


@pytest.fixture
def turn():
    """`turned`."""
    return turned


@pytest.fixture(scope="session")
def options():
    """One thread of the CPU, or the test is skipped where OpenMM is missing."""
    pytest.importorskip("openmm", reason="relaxation needs the extra `relax`")
    pytest.importorskip("pdbfixer", reason="relaxation needs the extra `relax`")
    from foldwright.relax.options import RelaxOptions

    return RelaxOptions(platform="CPU", threads=1)


@pytest.fixture(scope="session")
def peptide(options):
    """A helix of ten residues with all its heavy atoms, relaxed."""
    from foldwright.relax.relaxation import relax_structure

    return relax_structure(backbone_of(SEQUENCE), options)
