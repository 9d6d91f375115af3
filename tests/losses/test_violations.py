"""Structural violations. Arrays: oracles/af2/geometry/structural_violations.npz (AlphaFold 2 folding.py, float64)."""

import torch

from foldwright.chem import atoms, residues
from foldwright.losses import violations

# The original counts residues in float32 for some denominators: 1e-6 / count is lost there.
ROUNDING = 3e-8


def test_losses_masks_metrics_and_gradient_equal_deepmind(oracle):
    case = {key: torch.as_tensor(x) for key, x in oracle("geometry/structural_violations.npz").items()}
    positions = case["in/pred_atom14"].double().requires_grad_()
    mask = case["in/atom14_atom_exists"].double()
    aatype, numbers = case["in/aatype"].long(), case["in/residue_index"].long()
    found = violations.find_violations(positions, mask, aatype, numbers, torch.ones_like(aatype))
    found.loss.backward()
    metrics = violations.violation_metrics(
        found, positions, mask, numbers, torch.ones(len(aatype), dtype=torch.float64)
    )
    ours = {
        "loss": found.loss,
        "loss_grad_pred": positions.grad,
        "between_residues.bonds_c_n_loss_mean": found.bonds.c_n_loss,
        "between_residues.angles_ca_c_n_loss_mean": found.bonds.ca_c_n_loss,
        "between_residues.angles_c_n_ca_loss_mean": found.bonds.c_n_ca_loss,
        "between_residues.connections_per_residue_loss_sum": found.bonds.residue_loss,
        "between_residues.connections_per_residue_violation_mask": found.bonds.is_violated,
        "between_residues.clashes_mean_loss": found.clashes.mean_loss,
        "between_residues.clashes_per_atom_loss_sum": found.clashes.atom_loss,
        "between_residues.clashes_per_atom_clash_mask": found.clashes.is_violated,
        "within_residues.per_atom_loss_sum": found.within.atom_loss,
        "within_residues.per_atom_violations": found.within.is_violated,
        "total_per_residue_violations_mask": found.is_violated,
        "metric.violations_extreme_ca_ca_distance": metrics.extreme_ca_ca_distance,
        "metric.violations_between_residue_bond": metrics.between_residue_bond,
        "metric.violations_between_residue_clash": metrics.between_residue_clash,
        "metric.violations_within_residue": metrics.within_residue,
        "metric.violations_per_residue": metrics.per_residue,
    }
    assert {f"out/{name}" for name in ours} == {name for name in case if name.startswith("out/")}
    for name, value in ours.items():
        torch.testing.assert_close(
            value.detach(), case[f"out/{name}"].double(), rtol=2 * ROUNDING, atol=ROUNDING, msg=name
        )


def glycines(count, spacing=30.0):
    """Glycines too far apart to touch, each with a possible geometry."""
    residue = torch.tensor([[-0.572, 1.337, 0.0], [0.0, 0.0, 0.0], [1.514, 0.0, 0.0], [2.14, 1.06, 0.0]])
    positions = torch.zeros(count, 14, 3)
    positions[:, :4] = residue + spacing * torch.arange(count)[:, None, None] * torch.tensor([1.0, 0, 0])
    mask = torch.tensor(atoms.ATOM14_MASK[residues.RESTYPE_INDEX["G"]]).expand(count, 14)
    return positions, mask, torch.full((count,), residues.RESTYPE_INDEX["G"])


def test_broken_chain_is_found_at_both_its_ends():
    positions, mask, aatype = glycines(4)
    found = violations.find_violations(positions, mask, aatype, torch.tensor([1, 2, 9, 10]), torch.ones(4).long())
    assert found.bonds.is_violated.tolist() == [1, 1, 1, 1]
    gap = violations.find_violations(positions, mask, aatype, torch.tensor([1, 3, 9, 12]), torch.ones(4).long())
    assert gap.is_violated.sum() == 0
    assert gap.loss == 0


def test_overlapping_residues_clash_and_missing_atoms_do_not():
    positions, mask, aatype = glycines(3)
    positions[2] = positions[0] + 0.3
    numbers, chain = torch.tensor([1, 5, 9]), torch.ones(3).long()
    found = violations.find_violations(positions, mask, aatype, numbers, chain)
    assert found.clashes.is_violated.amax(-1).tolist() == [1, 0, 1]
    assert found.clashes.atom_loss[:, 4:].sum() == 0
    absent = mask.clone()
    absent[2] = 0
    assert violations.find_violations(positions, absent, aatype, numbers, chain).is_violated.sum() == 0


def test_stretched_residue_is_found():
    positions, mask, aatype = glycines(3)
    positions[1, :4] *= 1.0 + torch.tensor([0.0, 0, 0, 0.2])[:, None]
    found = violations.within_residue_violations(positions, mask, aatype)
    assert found.is_violated.amax(-1).tolist() == [0, 1, 0]


def test_examples_of_a_batch_are_independent():
    (a, mask, aatype), numbers = glycines(4), torch.tensor([1, 2, 9, 10])
    b = a + 4 * torch.randn(4, 14, 3)
    both = violations.find_violations(
        *(torch.stack(pair) for pair in ((a, b), (mask, mask), (aatype, aatype), (numbers, numbers), (aatype, aatype)))
    )
    alone = violations.find_violations(b, mask, aatype, numbers, aatype)
    assert both.loss[0] != both.loss[1]
    torch.testing.assert_close(both.loss[1], alone.loss)
    torch.testing.assert_close(both.is_violated[1], alone.is_violated)
