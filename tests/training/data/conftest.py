"""Chains made up in memory: helices of random sequences, with missing atoms where asked for."""

from dataclasses import replace

import gemmi
import numpy as np
import pytest

from foldwright.chem.atoms import ATOM37_MASK, ATOM_INDEX
from foldwright.chem.residues import aatype_to_sequence
from foldwright.io.alignment import Alignment
from foldwright.io.pdb import write_pdb
from foldwright.io.structure import Structure
from foldwright.training.data.chain import Chain

# Radius (angstrom), angle (degrees) and height (angstrom) of the atoms of an ideal helix.
HELIX = {
    "N": (1.57, -27.4, -0.87),
    "CA": (2.29, 0.0, 0.0),
    "C": (1.65, 26.9, 1.09),
    "O": (1.97, 21.0, 2.3),
    "CB": (3.3, -19.6, -0.7),
}


def helix(n: int) -> np.ndarray:
    """Atoms of n residues; those off the backbone stand at random near C-beta."""
    turn, rise = 100.0 * np.arange(n), 1.5 * np.arange(n)
    rng = np.random.default_rng(n)
    places = {}
    for name, (radius, angle, height) in HELIX.items():
        phi = np.radians(turn + angle)
        places[name] = np.stack([radius * np.cos(phi), radius * np.sin(phi), rise + height], axis=1)
    positions = places["CB"][:, None] + rng.normal(size=(n, 37, 3))
    for name, at in places.items():
        positions[:, ATOM_INDEX[name]] = at
    return positions.astype(np.float32)


def chain_of(n=20, seed=0, missing=(), has_sidechains=True, rows=1, **facts) -> Chain:
    """A helix of a random sequence; `missing` residues were not seen, `rows` are those of its alignment."""
    rng = np.random.default_rng(seed)
    aatype = rng.integers(0, 20, n)
    mask = ATOM37_MASK[aatype] > 0
    if not has_sidechains:
        mask[:, 3:] = False
    mask[list(missing)] = False
    chain = Chain(
        id=f"made{seed}_A",
        aatype=aatype,
        residue_index=np.arange(n),
        positions=helix(n) * mask[..., None],
        mask=mask,
        kind="exp" if has_sidechains else "backbone_only",
    )
    return replace(chain, alignment=alignment_of(chain, rows, rng) if rows > 1 else None, **facts)


def alignment_of(chain: Chain, rows: int, rng: np.random.Generator) -> Alignment:
    """Relatives that share about half of the letters, with gaps and deletions."""
    letters = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY-", np.uint8)[rng.integers(0, 21, (rows, len(chain)))]
    own = np.frombuffer(aatype_to_sequence(chain.aatype).encode(), np.uint8)
    letters = np.where(rng.random(letters.shape) < 0.5, own, letters)
    letters[0] = own
    deletions = rng.poisson(0.3, letters.shape).astype(np.int32)
    deletions[0] = 0
    return Alignment.of_letters(np.ascontiguousarray(letters), deletions, [f"row{i}" for i in range(rows)])


@pytest.fixture
def made_chain():
    """A function that makes a chain, see `chain_of`."""
    return chain_of


@pytest.fixture
def pdb_file():
    """A function that writes a chain as a PDB file of its name and chain A."""

    def write(folder, chain: Chain, resolution: float = 2.0):
        path = folder / f"{chain.id.removesuffix('_A')}.pdb"
        b_factors, mask = np.full(len(chain), 50.0), chain.mask.astype(np.float32)
        structure = Structure.of_sequences([chain.sequence], chain.positions, mask, b_factors)
        write_pdb(path, structure)
        remark = f"REMARK   2 RESOLUTION. {resolution:7.2f} ANGSTROMS.".ljust(80)
        path.write_text(f"{'EXPDTA    X-RAY DIFFRACTION':<80}\n{remark}\n{path.read_text()}")
        return path

    return write


@pytest.fixture
def as_mmcif():
    """A function that turns a PDB file into an mmCIF file beside it."""

    def write(path):
        structure = gemmi.read_pdb(str(path))
        structure.setup_entities()
        structure.assign_label_seq_id()
        document = structure.make_mmcif_document()
        document.sole_block().set_pair("_refine.ls_d_res_high", f"{structure.resolution:.2f}")
        document.write_file(str(path.with_suffix(".cif")))
        path.unlink()
        return path.with_suffix(".cif")

    return write
