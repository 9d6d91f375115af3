"""A network of a few thousand parameters and a chain of a few residues, to train for a moment."""

from dataclasses import replace

import pytest
import torch

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues
from foldwright.features.structure import atom37_from_atom14, structure_labels
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.config import (
    AF2,
    Evoformer,
    ExtraMSAStack,
    FeatureSizes,
    StructureModule,
    TemplateEmbedder,
)
from foldwright.models.af2.structure_module import all_atom_coordinates
from foldwright.models.af2.templates import no_templates
from foldwright.training.objective_af2 import LossWeights
from foldwright.training.recipe import Recipe

NUM_RESIDUES, NUM_ROWS = 13, 6


@pytest.fixture
def base():
    """A recipe of which every part can be ablated."""
    trunk = Evoformer(
        num_blocks=1,
        c_m=16,
        c_z=16,
        c_s=16,
        msa_heads=2,
        c_msa_attention=8,
        pair_heads=2,
        c_pair_attention=8,
        c_outer=4,
    )
    model = AF2(
        features=FeatureSizes(num_clusters=NUM_ROWS, num_extra=4, num_templates=1),
        trunk=trunk,
        extra_msa=ExtraMSAStack(num_blocks=1, c_e=8, msa_heads=2, c_msa_attention=4),
        templates=TemplateEmbedder(num_blocks=1, c_t=8, heads=2, c_attention=4, c_triangle=8),
        structure=StructureModule(
            num_layers=2, heads=2, c_hidden=4, num_query_points=2, num_value_points=2, c_angles=8
        ),
    )
    return Recipe(name="base", model=model, losses=LossWeights(violation=0.0))


def letters_of(rows, num_residues=NUM_RESIDUES):
    return torch.randint(0, 22, (rows, num_residues))


def batch_of(aatype, rows, extra):
    """A batch of these letters; the last residue is padding and one letter of an extra row is masked."""
    n = aatype.shape[-1]
    mask = (torch.arange(n) < n - 1).float()
    one = torch.ones_like(aatype)
    onehot = torch.nn.functional.one_hot
    extra_mask = mask.expand(len(extra), n).clone()
    extra_mask[-1, :3] = 0
    residues = Residues(aatype=aatype, residue_index=torch.arange(n), asym_id=one, entity_id=one, sym_id=one, mask=mask)
    feat = torch.cat([onehot(rows, 23), torch.zeros(*rows.shape, 2), onehot(rows, 23), torch.zeros(*rows.shape, 1)], -1)
    templates = replace(no_templates(residues), aatype=letters_of(1, n), positions=torch.randn(1, n, 37, 3) * 9)
    return AF2Batch(
        residues=residues,
        target_feat=torch.nn.functional.pad(onehot(aatype, 21).float(), (1, 0)),
        msa=ClusteredMSA(feat=feat, mask=mask.expand(rows.shape)),
        extra_msa=ExtraMSA(
            aatype=extra,
            has_deletion=torch.zeros_like(extra_mask),
            deletion_value=torch.zeros_like(extra_mask),
            mask=extra_mask,
        ),
        templates=replace(templates, atom_mask=torch.ones(1, n, 37), mask=torch.ones(1)),
        masked_msa=MaskedMSA(true_msa=rows, bert_mask=(torch.rand(rows.shape) < 0.3).float() * mask),
    )


@pytest.fixture
def make_batch():
    """A batch from residue types, rows of the alignment (the first is the query) and extra rows."""
    return batch_of


@pytest.fixture
def example():
    """A batch and the true structure of its chain: random torsions on random backbones."""
    aatype = torch.randint(0, 20, (NUM_RESIDUES,))
    rows = torch.cat([aatype[None], letters_of(NUM_ROWS - 1)])
    batch = batch_of(aatype, rows, letters_of(4))
    backbone = Rigid(torch.linalg.qr(torch.randn(NUM_RESIDUES, 3, 3)).Q, torch.randn(NUM_RESIDUES, 3).cumsum(0) * 3)
    torsions = torch.nn.functional.normalize(torch.randn(NUM_RESIDUES, 7, 2), dim=-1)
    _, atoms = all_atom_coordinates(backbone, torsions, aatype)
    positions, mask = atom37_from_atom14(aatype, atoms, batch.residues.mask[:, None].expand(-1, 14))
    mask[4] = 0
    return batch, structure_labels(aatype, positions, mask, torch.tensor(2.0))
