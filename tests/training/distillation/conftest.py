"""A network of one block with random parameters: sure of itself, and wrong."""

import pytest
import torch

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Heads, Recycling, StructureModule
from foldwright.models.af2.model import AlphaFold
from foldwright.training.distillation.teacher import Teacher

CONFIG = AF2(
    features=FeatureSizes(num_clusters=4, num_extra=4, num_templates=0),
    trunk=Evoformer(
        num_blocks=1, c_m=8, c_z=8, c_s=8, msa_heads=2, c_msa_attention=4, pair_heads=2, c_pair_attention=4, c_outer=4
    ),
    extra_msa=ExtraMSAStack(num_blocks=1, c_e=4, msa_heads=2, c_msa_attention=2),
    templates=None,
    structure=StructureModule(num_layers=2, heads=2, c_hidden=4, num_query_points=2, num_value_points=2, c_angles=8),
    heads=Heads(is_pae_predicted=False),
    recycling=Recycling(num_recycles=1),
)


@pytest.fixture
def teacher():
    """A teacher whose distances depend on the sequence."""
    model = AlphaFold(CONFIG).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.normal_(model.distogram_head.out.weight, std=2.0)
    return Teacher(model)
