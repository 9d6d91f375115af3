"""Chains of which only N, CA and C are known teach the backbone, and nothing of what hangs on it."""

from dataclasses import replace

import pytest
import torch

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues
from foldwright.features.structure import CA, C, N, atom37_from_atom14, structure_labels
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, Heads, StructureModule
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.structure_module import all_atom_coordinates
from foldwright.training import objective_af2 as objective

TINY = AF2(
    trunk=Evoformer(
        num_blocks=1, c_m=8, c_z=8, c_s=8, msa_heads=2, c_msa_attention=4, pair_heads=2, c_pair_attention=4, c_outer=4
    ),
    extra_msa=ExtraMSAStack(num_blocks=1, c_e=4, msa_heads=2, c_msa_attention=2),
    templates=None,
    structure=StructureModule(num_layers=2, heads=2, c_hidden=4, num_query_points=2, num_value_points=2, c_angles=8),
    heads=Heads(num_pae_bins=8),
)
SIDECHAIN_TERMS = ("sidechain_fape", "chi", "angle_norm", "violation")
# The modules that only side chains, O and torsion angles teach.
SIDECHAIN_MODULES = ("structure_module.angles.", "experimentally_resolved_head.")


def true_chain(n=13, missing=5, padding=2):
    """Residue types, atoms and their mask: random torsions on random backbones, one residue without atoms."""
    aatype = torch.randint(0, 20, (n,))
    backbone = Rigid(torch.linalg.qr(torch.randn(n, 3, 3)).Q, torch.randn(n, 3).cumsum(0) * 3)
    torsions = torch.nn.functional.normalize(torch.randn(n, 7, 2), dim=-1)
    _, atoms = all_atom_coordinates(backbone, torsions, aatype)
    positions, mask = atom37_from_atom14(aatype, atoms, torch.ones(n, 14))
    mask[missing] = 0
    mask[n - padding :] = 0
    return aatype, positions * mask[..., None], mask


def backbone_of(mask):
    kept = torch.zeros_like(mask)
    kept[..., [N, CA, C]] = mask[..., [N, CA, C]]
    return kept


def batch_of(aatype, padding=2, rows=3):
    n = len(aatype)
    mask = (torch.arange(n) < n - padding).float()
    one = torch.ones_like(aatype)
    rows_mask = mask.expand(rows, n).clone()
    rows_mask[1, 3] = 0
    return AF2Batch(
        residues=Residues(
            aatype=aatype, residue_index=torch.arange(n), asym_id=one, entity_id=one, sym_id=one, mask=mask
        ),
        target_feat=torch.randn(n, 22),
        msa=ClusteredMSA(feat=torch.randn(rows, n, 49), mask=rows_mask),
        extra_msa=ExtraMSA(
            aatype=torch.randint(0, 22, (rows, n)),
            has_deletion=torch.rand(rows, n),
            deletion_value=torch.rand(rows, n),
            mask=rows_mask,
        ),
        templates=None,
        masked_msa=MaskedMSA(
            true_msa=torch.randint(0, 22, (rows, n)), bert_mask=rows_mask * torch.rand(rows, n).round()
        ),
    )


@pytest.fixture
def model():
    model = AlphaFold(TINY).eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm.weight" in name), std=0.3)
    return model


@pytest.fixture
def chain():
    return true_chain()


def labels_of(chain, mask, resolution=2.0):
    return structure_labels(chain[0], chain[1] * mask[..., None], mask, torch.tensor(resolution))


def terms_and_gradients(model, labels, batch, **choices):
    output = model([[batch]])
    terms = objective.loss_terms(output, labels, batch.residues, batch.masked_msa, **choices)
    model.zero_grad()
    terms.weighted(objective.LossWeights()).backward()
    return terms, {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
    }


def test_side_chains_and_torsions_are_neither_judged_nor_taught(model, chain):
    aatype, _, mask = chain
    batch = batch_of(aatype)
    terms, gradients = terms_and_gradients(model, labels_of(chain, backbone_of(mask)), batch)
    full, full_gradients = terms_and_gradients(model, labels_of(chain, mask), batch)
    for name in SIDECHAIN_TERMS:
        assert getattr(terms.structure, name) == 0
        assert getattr(full.structure, name) > 1e-3
    assert terms.experimentally_resolved == 0 < full.experimentally_resolved
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    for name, gradient in gradients.items():
        if name.startswith(SIDECHAIN_MODULES):
            assert gradient.abs().max() == 0, name
            assert full_gradients[name].abs().max() > 0, name


def test_the_backbone_is_judged_and_taught_as_ever(model, chain):
    aatype, _, mask = chain
    batch = batch_of(aatype)
    terms, gradients = terms_and_gradients(model, labels_of(chain, backbone_of(mask)), batch)
    full, _ = terms_and_gradients(model, labels_of(chain, mask), batch)
    torch.testing.assert_close(terms.structure.backbone_fape, full.structure.backbone_fape)
    for name in ("plddt", "aligned_error", "masked_msa"):
        torch.testing.assert_close(getattr(terms, name), getattr(full, name))
    assert terms.structure.backbone_fape > 0.1
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    taught = [name for name, gradient in gradients.items() if gradient.abs().max() > 0]
    for part in ("structure_module.ipa.", "structure_module.backbone_update.", "plddt_head.", "pae_head.", "trunk."):
        assert any(name.startswith(part) for name in taught), part


def test_unknown_atoms_have_no_say(model, chain):
    """Whatever stands where an atom is not known, loss and gradients are the same, and finite."""
    aatype, positions, mask = chain
    batch, kept = batch_of(aatype), backbone_of(mask)
    known = structure_labels(aatype, positions * kept[..., None], kept)
    junk = structure_labels(aatype, torch.where(kept[..., None] > 0, positions, 50 * torch.randn(13, 37, 3)), kept)
    ours, gradients = terms_and_gradients(model, known, batch)
    theirs, others = terms_and_gradients(model, junk, batch)
    torch.testing.assert_close(ours.weighted(objective.LossWeights()), theirs.weighted(objective.LossWeights()))
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name], rtol=1e-4, atol=1e-6)


def test_a_beta_carbon_in_the_labels_does_not_bring_side_chains_back(model, chain):
    """A C-beta placed from the backbone serves the distogram; the example then says that it has no side chains."""
    aatype, positions, mask = chain
    labels = labels_of(chain, backbone_of(mask))
    labels = replace(labels, pseudo_beta=positions[:, 4], pseudo_beta_mask=mask[:, CA])
    terms, _ = terms_and_gradients(model, labels, batch_of(aatype), has_sidechains=torch.tensor(0.0))
    assert terms.distogram > 0.1
    assert all(getattr(terms.structure, name) == 0 for name in SIDECHAIN_TERMS)


def test_each_example_of_a_batch_has_side_chains_or_not(model, chain):
    aatype, _, mask = chain
    batch = batch_of(aatype)
    labels = [labels_of(chain, kept) for kept in (mask, backbone_of(mask))]
    alone = [terms_and_gradients(model, label, batch)[0] for label in labels]
    together = type(batch).collate([batch, batch])
    terms, _ = terms_and_gradients_of_batch(model, type(labels[0]).collate(labels), together)
    for name in SIDECHAIN_TERMS:
        expected = torch.stack([getattr(term.structure, name) for term in alone])
        torch.testing.assert_close(getattr(terms.structure, name), expected, rtol=1e-4, atol=1e-6)
        assert getattr(terms.structure, name)[1] == 0


def terms_and_gradients_of_batch(model, labels, batch):
    output = model([[batch]])
    return objective.loss_terms(output, labels, batch.residues, batch.masked_msa), output


def test_examples_of_a_batch_are_clamped_or_not_each_for_itself(model, chain):
    aatype, _, mask = chain
    batch, labels = batch_of(aatype), labels_of(chain, mask)
    labels = replace(labels, rigid_groups=labels.rigid_groups.clone())
    labels.rigid_groups[..., :3, 3] *= 20  # far enough that the clamp matters
    structure = model([[type(batch).collate([batch, batch])]]).structure
    residues, labels = type(batch.residues).collate([batch.residues] * 2), type(labels).collate([labels] * 2)
    mixed = objective.backbone_fape_of_layers(structure, labels, residues, torch.tensor([1.0, 0.0]))
    clamped, free = (objective.backbone_fape_of_layers(structure, labels, residues, share) for share in (1.0, 0.0))
    torch.testing.assert_close(mixed, torch.stack([clamped[:, 0], free[:, 1]], dim=1))
    assert (free > 2 * clamped).all()


@pytest.mark.parametrize(
    ("resolution", "unknown", "counts"), [(2.0, 0.0, 1), (0.0, 0.0, 0), (0.0, 0.5, 0.5), (9.0, 1.0, 0)]
)
def test_confidence_is_taught_by_good_and_if_wanted_by_unknown_resolutions(model, chain, resolution, unknown, counts):
    aatype, _, mask = chain
    batch = batch_of(aatype)
    best, _ = terms_and_gradients(model, labels_of(chain, mask, 1.5), batch)
    terms, _ = terms_and_gradients(model, labels_of(chain, mask, resolution), batch, unknown_resolution=unknown)
    for name in ("plddt", "aligned_error", "experimentally_resolved"):
        assert getattr(best, name) > 0.1
        torch.testing.assert_close(getattr(terms, name), counts * getattr(best, name))


def test_the_weight_of_an_example_is_the_root_of_its_length(chain):
    residues = batch_of(chain[0], padding=4).residues
    assert objective.length_weight(residues) == 3.0


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_violations_are_always_told_and_taught_where_they_have_weight(model, chain, weight):
    aatype, _, mask = chain
    batch = batch_of(aatype)
    terms = objective.loss_terms(model([[batch]]), labels_of(chain, mask), batch.residues, batch.masked_msa)
    gradients = []
    terms.structure.violation.register_hook(gradients.append)
    weights = objective.LossWeights(violation=weight)
    terms.weighted(weights).backward()
    assert terms.structure.violation > 1e-3
    assert gradients == ([weight] if weight else [])
    without = terms.structure.weighted(objective.LossWeights(violation=0.0))
    torch.testing.assert_close(terms.structure.weighted(weights), without + weight * terms.structure.violation)


def test_stages_weigh_the_terms_as_published():
    first, second, third = objective.initial_training(), objective.fine_tuning(), objective.fine_tuning_ptm()
    assert (first.violation, first.experimentally_resolved, first.aligned_error) == (0.0, 0.0, 0.0)
    assert (second.violation, second.experimentally_resolved, second.aligned_error) == (1.0, 0.01, 0.0)
    assert replace(second, aligned_error=0.1) == third
