"""A complex is judged in the order of chains that suits the prediction."""

import torch

from foldwright.features.batch import Residues
from foldwright.features.structure import CA, atom37_from_atom14, structure_labels
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.structure_module import all_atom_coordinates
from foldwright.training.chain_order import TrueComplex, labels_in_order, suited_labels

LENGTH = 8


def dimer():
    """Two copies of one chain side by side; the first residue of the second was not resolved."""
    aatype = torch.randint(0, 20, (LENGTH,))
    backbone = Rigid(torch.linalg.qr(torch.randn(LENGTH, 3, 3)).Q, 3 * torch.randn(LENGTH, 3).cumsum(0))
    torsions = torch.nn.functional.normalize(torch.randn(LENGTH, 7, 2), dim=-1)
    _, atoms = all_atom_coordinates(backbone, torsions, aatype)
    positions, mask = atom37_from_atom14(aatype, atoms, torch.ones(LENGTH, 14))
    mask = torch.cat([mask, mask])
    mask[LENGTH] = 0
    chain = torch.arange(2).repeat_interleave(LENGTH)
    shift = torch.tensor([0.0, 30.0, 0.0]) * chain[:, None, None]
    positions = (torch.cat([positions, positions]) + shift) * mask[..., None]
    residues = Residues(
        aatype=torch.cat([aatype, aatype]),
        residue_index=torch.arange(LENGTH).repeat(2),
        asym_id=chain + 1,
        entity_id=torch.ones_like(chain),
        sym_id=chain + 1,
        mask=torch.ones(2 * LENGTH),
    )
    labels = structure_labels(residues.aatype, positions, mask, torch.tensor(1.8))
    return TrueComplex(labels=labels, residues=residues)


def crop_of(residues, rows, padding):
    """Some residues and padding behind them, as the network reads them."""
    return residues.map(lambda x: torch.cat([x[rows], x.new_zeros(padding)]))


def test_labels_follow_the_copies_into_a_crop():
    truth = dimer()
    rows = torch.arange(2, 14)
    swapped = (rows + LENGTH) % (2 * LENGTH)
    # What is predicted for the first copy's residues is where the second copy is, and the other way round.
    predicted = torch.cat([truth.labels.positions[swapped], torch.zeros(3, 37, 3)]) + 0.2 * torch.randn(15, 37, 3)
    labels = labels_in_order(predicted, crop_of(truth.residues, rows, padding=3), truth)
    for name, x in truth.labels.flat().items():
        if name != "resolution":
            torch.testing.assert_close(labels.flat()[name][:12], x[swapped])
    assert labels.resolution == truth.labels.resolution
    assert labels.atom_mask[12:].sum() == labels.rigid_groups_mask[12:].sum() == labels.chi_mask[12:].sum() == 0
    assert not torch.equal(labels.positions[:12, CA], truth.labels.positions[rows, CA])


def test_what_was_not_resolved_is_unknown_wherever_it_goes():
    truth = dimer()
    straight = labels_in_order(truth.labels.positions + 0.01, truth.residues, truth)
    assert torch.equal(straight.atom_mask, truth.labels.atom_mask)
    swapped = labels_in_order(truth.labels.positions.roll(LENGTH, 0), truth.residues, truth)
    assert swapped.atom_mask[0].sum() == 0 < swapped.atom_mask[LENGTH].sum()


def test_each_complex_of_a_batch_is_judged_in_its_own_order():
    truth = dimer()
    swapped = (torch.arange(2 * LENGTH) + LENGTH) % (2 * LENGTH)
    straight = truth.labels.positions + 0.1 * torch.randn(2 * LENGTH, 37, 3)
    positions = torch.stack([straight, straight[swapped]])
    batch = TrueComplex.collate([truth, truth])
    found = suited_labels(batch.labels, positions, batch.residues, batch)
    for i in (0, 1):
        alone = suited_labels(truth.labels, positions[i], truth.residues, truth)
        torch.testing.assert_close(found.positions[i], alone.positions)
    assert not torch.equal(found.positions[0], found.positions[1])
    assert suited_labels(truth.labels, straight, truth.residues, None) is truth.labels
