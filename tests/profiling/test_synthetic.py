"""Examples made for measuring look like those of training."""

from dataclasses import replace

import torch

from foldwright.features.structure import CA
from foldwright.models.af2.presets import preset
from foldwright.profiling.synthetic import Sizes, synthetic_labels, synthetic_passes
from foldwright.profiling.workload import make_workload

SIZES = Sizes(residues=33, sequences=20, extra=40, templates=3, batch=2, passes=2)


def test_masks_hold_zeros_and_ones_and_passes_differ():
    first, second = (members[0] for members in synthetic_passes(preset("model_1"), SIZES))
    masks = [first.residues.mask, first.msa.mask, first.extra_msa.mask, first.masked_msa.bert_mask]
    for mask in [*masks, first.templates.atom_mask]:
        assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert first.msa.feat.shape == (2, 20, 33, 49)
    assert first.extra_msa.aatype.shape == (2, 40, 33)
    assert first.templates.positions.shape == (2, 3, 33, 37, 3)
    assert torch.equal(first.residues.aatype, second.residues.aatype)
    assert not torch.equal(first.msa.feat, second.msa.feat)


def test_the_true_chain_has_real_bonds_and_unresolved_atoms():
    residues = synthetic_passes(preset("model_3"), replace(SIZES, templates=0))[0][0].residues
    labels = synthetic_labels(residues)
    assert 0.9 < labels.atom_mask[..., CA].mean() + 0.05 < 1.05
    assert labels.atom_mask.sum() > 0
    assert (labels.atom_mask[1, -2:] == 0).all()  # padding has no atoms
    n_ca = (labels.positions[..., 0, :] - labels.positions[..., CA, :]).norm(dim=-1)
    both = labels.atom_mask[..., 0] * labels.atom_mask[..., CA] > 0
    torch.testing.assert_close(n_ca[both], torch.full_like(n_ca[both], 1.46), atol=0.02, rtol=0)
    ca = labels.positions[0, :, CA]
    assert ca[labels.atom_mask[0, :, CA] > 0].std() > 2


def test_the_same_request_gives_the_same_step_and_training_goes_on(recipe, sizes, setting):
    one, other = (make_workload(recipe, sizes, setting) for _ in range(2))
    losses = [one.step(), one.step(), one.step()]
    assert other.step() == losses[0]
    assert len({float(loss) for loss in losses}) == 3
    assert all(torch.isfinite(loss) for loss in losses)
    without = [name for name, p in one.model.named_parameters() if not p.grad.abs().sum()]
    assert all("experimentally_resolved" in name or "recycling" in name for name in without), without
