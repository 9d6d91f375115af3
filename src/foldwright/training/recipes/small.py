"""Networks of this architecture that a laptop can train: one to profile and overfit, one to ship."""

from __future__ import annotations

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Heads, Recycling, StructureModule
from foldwright.training.objective_af2 import LossWeights
from foldwright.training.recipe import Optimiser, Recipe, Sampling


def tiny() -> Recipe:
    """Four Evoformer blocks on 64 residues and 16 sequences, four examples at once: small enough to watch closely."""
    return Recipe(
        name="tiny",
        model=AF2(
            features=FeatureSizes(num_clusters=16, num_extra=16, num_templates=0),
            trunk=Evoformer(num_blocks=4, c_m=64, c_z=128, c_s=128, c_msa_attention=8),
            extra_msa=ExtraMSAStack(num_blocks=1, c_e=32, msa_heads=4),
            templates=None,
            structure=StructureModule(num_layers=4),
            heads=Heads(is_pae_predicted=False),
            recycling=Recycling(num_recycles=1),
        ),
        losses=LossWeights(violation=0.0, experimentally_resolved=0.0, aligned_error=0.0),
        sampling=Sampling(crop_size=64, max_passes=2, is_length_weighted=False),
        optimiser=Optimiser(warmup_examples=400, decay_after_examples=1_000_000, ema_decay=0.99, max_gradient_norm=1.0),
        num_steps=1_000,
        examples_per_step=4,
        examples_at_once=4,
        is_checkpointed=False,
    )
