"""Networks of this architecture that a laptop can train: one to profile and overfit, one to ship."""

from __future__ import annotations

from dataclasses import replace

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Heads, Recycling, StructureModule
from foldwright.training.objective_af2 import LossWeights
from foldwright.training.recipe import Optimiser, Recipe, Sampling

# For short runs that start from nothing. Confidence is learnt from the first step, from chains of any resolution, and
# other terms weigh little until frames have found their places: after 120 steps on one chain the backbone's error was
# 10.4 angstrom with the published weights and dropout, and 8.5 with these and none (dev/LOG.md).
BACKBONE_FIRST = LossWeights(
    backbone_fape=2.0,
    sidechain_fape=0.1,
    chi=0.1,
    masked_msa=0.1,
    violation=0.0,
    plddt=0.02,
    aligned_error=0.02,
    unknown_resolution=1.0,
)


def tiny() -> Recipe:
    """Four Evoformer blocks on 64 residues and 16 sequences, four examples at once: small enough to watch closely."""
    return Recipe(
        name="tiny",
        model=AF2(
            features=FeatureSizes(num_clusters=16, num_extra=16, num_templates=0, is_query_repeated=True),
            trunk=Evoformer(
                num_blocks=4, c_m=64, c_z=128, c_s=128, c_msa_attention=8, msa_dropout=0.0, pair_dropout=0.0
            ),
            extra_msa=ExtraMSAStack(num_blocks=1, c_e=32, msa_heads=4),
            templates=None,
            structure=StructureModule(num_layers=4, dropout=0.0),
            heads=Heads(is_pae_predicted=False),
            recycling=Recycling(num_recycles=1),
        ),
        losses=replace(BACKBONE_FIRST, smooth_lddt=1.0),
        sampling=Sampling(crop_size=64, max_passes=2, unclamped_fraction=0.5, is_length_weighted=False),
        optimiser=Optimiser(
            learning_rate=5e-4,
            warmup_examples=100,
            decay_after_examples=1_000_000,
            final_fraction=0.1,
            ema_decay=0.99,
        ),
        num_steps=1_000,
        examples_per_step=4,
        examples_at_once=4,
        is_checkpointed=False,
    )


def _mini_network() -> AF2:
    """2.7 million parameters; alignments are read where there are any, and a bare sequence is enough.

    There is no stack for extra rows: most chains have none, and the mean over no rows is its bias times a thousand,
    which no rate of learning suits.
    """
    return AF2(
        features=FeatureSizes(num_clusters=32, num_extra=0, num_templates=0),
        trunk=Evoformer(
            num_blocks=6,
            c_m=128,
            c_z=64,
            c_s=128,
            msa_heads=4,
            c_msa_attention=16,
            c_pair_attention=16,
            c_triangle=64,
            c_outer=16,
            msa_dropout=0.0,
            pair_dropout=0.0,
        ),
        extra_msa=ExtraMSAStack(num_blocks=0, c_e=16, msa_heads=2),
        templates=None,
        structure=StructureModule(num_layers=4, heads=8, dropout=0.0),
        recycling=Recycling(num_recycles=2),
    )


def mini_1() -> Recipe:
    """The shipped network, first stage: pieces of 32 residues, and the backbone before everything else.

    Half of the backbone errors are not clamped, for a clamped one says nothing while all is far from its place. At the
    published rate of 1e-3 one chain a step moves frames by an angstrom a layer, and they never settle.
    """
    return Recipe(
        name="mini_1",
        model=_mini_network(),
        losses=BACKBONE_FIRST,
        sampling=Sampling(crop_size=32, max_passes=2, unclamped_fraction=0.5, is_length_weighted=False),
        optimiser=Optimiser(
            learning_rate=4e-4,
            warmup_examples=100,
            decay_after_examples=10_000_000,
            final_fraction=0.3,
            ema_decay=0.995,
        ),
        num_steps=6_000,
        examples_per_step=1,
        is_checkpointed=False,
    )


def mini_2() -> Recipe:
    """Second stage: 64 residues, and near distances count (smooth lDDT), since far ones cannot be told yet.

    With the error of frames alone, part of it unclamped, whole chains collapsed: it draws what is uncertain to the
    middle. The shipped run was stopped after 1,002 steps.
    """
    first = mini_1()
    return replace(
        first,
        name="mini_2",
        seed=1,
        losses=replace(first.losses, smooth_lddt=1.0),
        sampling=replace(first.sampling, crop_size=64, unclamped_fraction=0.0, is_crop_start_uniform=True),
        optimiser=replace(first.optimiser, learning_rate=3e-4, ema_decay=0.998),
        num_steps=5_000,
    )


def mini_3() -> Recipe:
    """Third stage: 96 residues, and side chains begin to count."""
    second = mini_2()
    return replace(
        second,
        name="mini_3",
        seed=2,
        losses=replace(second.losses, backbone_fape=1.0, sidechain_fape=0.2, chi=0.2, plddt=0.05, aligned_error=0.05),
        sampling=replace(second.sampling, crop_size=96, unclamped_fraction=0.1),
        optimiser=replace(second.optimiser, final_fraction=0.05),
        num_steps=3_500,
    )


def mini_4() -> Recipe:
    """Last stage: whole chains as often as not, and bonds that must hold; the rate falls to nothing."""
    third = mini_3()
    return replace(
        third,
        name="mini_4",
        seed=3,
        losses=replace(third.losses, violation=0.1),
        sampling=replace(third.sampling, crop_size=160),
        optimiser=replace(third.optimiser, learning_rate=2e-4, final_fraction=0.02, ema_decay=0.99),
        num_steps=500,
    )


def mini_5() -> Recipe:
    """As the last stage, and confidence counts: tenfold for pLDDT, so that the single representation makes room for it.

    Teaching the head alone (`weights export --teach-confidence`) had left pLDDT and lDDT-Cα of residues at r = 0.57.
    """
    fourth = mini_4()
    return replace(
        fourth,
        name="mini_5",
        seed=21,
        losses=replace(fourth.losses, plddt=0.5, aligned_error=0.2),
        num_steps=850,
    )
