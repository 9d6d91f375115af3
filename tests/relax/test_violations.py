"""The violations of a structure are those of the loss, found block by block."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.chem.atoms import ATOM37_MASK
from foldwright.chem.residues import RESTYPES
from foldwright.features.structure import atom14_from_atom37
from foldwright.io.structure import Structure
from foldwright.losses.violations import find_violations
from foldwright.relax import violations
from foldwright.relax.violations import structure_violations


def crowd(*lengths, seed=0):
    """Random residues so near to each other that some, not all, clash."""
    generator = np.random.default_rng(seed)
    sequences = ["".join(generator.choice(RESTYPES, size=length)) for length in lengths]
    total = sum(lengths)
    trace = np.cumsum(generator.normal(size=(total, 1, 3)) * 4, axis=0)
    structure = Structure.of_sequences(sequences, np.zeros((total, 37, 3)), np.zeros((total, 37)), np.zeros(total))
    mask = ATOM37_MASK[structure.aatype] * (generator.random((total, 37)) < 0.9)
    positions = (trace + generator.normal(size=(total, 37, 3)) * 1.5) * mask[..., None]
    return replace(structure, positions=positions.astype(np.float32), mask=mask.astype(np.float32))


def begins(structure):
    return np.concatenate([[True], np.diff(structure.chain_index) != 0])


@pytest.mark.parametrize("block", [1, 7, 32])
def test_blocks_find_what_the_loss_finds(block, monkeypatch):
    monkeypatch.setattr(violations, "BLOCK", block)
    structure = crowd(40)
    found = structure_violations(structure, begins(structure))
    positions, mask = (torch.tensor(x, dtype=torch.float64) for x in (structure.positions, structure.mask))
    aatype, number = torch.tensor(structure.aatype), torch.tensor(structure.residue_index)
    expected = find_violations(*atom14_from_atom37(aatype, positions, mask), aatype, number, torch.zeros_like(aatype))
    assert 0 < found.clashes.mean() < 1
    np.testing.assert_array_equal(found.clashes, expected.clashes.is_violated.amax(-1).numpy() > 0)
    np.testing.assert_array_equal(found.residues, expected.is_violated.numpy() > 0)
    assert found.loss == pytest.approx(float(expected.loss), rel=1e-9)


def test_residues_of_one_number_in_two_chains_may_clash(backbone):
    structure = backbone("GAG", "GAG", apart=1.0)
    found = structure_violations(structure, begins(structure))
    assert found.clashes.all()


def test_chains_are_not_bonded(backbone):
    structure = backbone("GAG", "GAG")
    assert not structure_violations(structure, begins(structure)).bonds.any()
    joined = structure_violations(structure, np.arange(6) == 0)
    assert joined.bonds.tolist() == [False, False, True, True, False, False]


def test_the_record_names_residues(backbone):
    structure = backbone("GAG", "GAG", apart=1.0, chain_ids=["A", "B2"])
    record = structure_violations(structure, begins(structure)).record(structure)
    assert record["residues"] == 6
    assert record["clashes"] == ["GLY A1", "ALA A2", "GLY A3", "GLY B21", "ALA B22", "GLY B23"]
