"""A student trains on experiments and predictions, mixed as the recipe says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.chem.residues import sequence_to_aatype
from foldwright.features.structure import atom37_from_atom14
from foldwright.geometry.rigid import Rigid
from foldwright.io.alignment import Alignment
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.structure_module import all_atom_coordinates
from foldwright.training.data.chain import Chain
from foldwright.training.data.examples import Examples
from foldwright.training.data.rows import with_noise
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.distillation.teacher import NO_EXPERIMENT
from foldwright.training.objective_af2 import LossWeights, loss_terms
from foldwright.training.recipe import Recipe, Sampling

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def alignment_of(rng, rows, length=14):
    sequences = ["".join(rng.choice(LETTERS, length)) for _ in range(rows)]
    return Alignment(sequences, np.zeros((rows, length), np.int32), [f"row {i}" for i in range(rows)])


def chain_of(name, rng, rows=1, **details):
    """A chain with random torsions on random backbones, one residue of it not seen."""
    alignment = alignment_of(rng, rows)
    aatype = torch.from_numpy(sequence_to_aatype(alignment.query))
    backbone = Rigid(torch.linalg.qr(torch.randn(14, 3, 3)).Q, torch.randn(14, 3).cumsum(0) * 3)
    _, atoms = all_atom_coordinates(backbone, torch.nn.functional.normalize(torch.randn(14, 7, 2), dim=-1), aatype)
    positions, mask = atom37_from_atom14(aatype, atoms, torch.ones(14, 14))
    mask[3] = 0
    return Chain(
        id=name,
        aatype=aatype.numpy(),
        residue_index=np.arange(14),
        positions=(positions * mask[..., None]).numpy(),
        mask=mask.numpy() > 0,
        alignment=alignment,
        split="train",
        **details,
    )


def distilled_chain(name, rng):
    confidence = np.where(np.arange(14) < 4, 0.4, 1.5).astype(np.float32)
    return chain_of(name, rng, rows=9, kind="distilled", resolution=NO_EXPERIMENT, confidence=confidence)


@pytest.fixture
def examples(teacher, tmp_path):
    """Examples of 3 experimental and 4 distilled chains, the latter with 9 rows of which a student sees 4."""
    rng = np.random.default_rng(0)
    write_shards([chain_of(f"pdb{i}", rng, resolution=2.0) for i in range(3)], tmp_path / "pdb")
    write_shards([distilled_chain(f"dist{i}", rng) for i in range(4)], tmp_path / "distilled")
    recipe = Recipe(
        name="student",
        model=teacher.model.config,
        losses=LossWeights(violation=0.0, unknown_resolution=1.0),
        sampling=Sampling(crop_size=12, distilled_fraction=0.5, distilled_rows=4, is_length_weighted=False),
    )
    return Examples(ShardedChains(tmp_path / "pdb"), recipe, distilled=ShardedChains(tmp_path / "distilled"))


def test_examples_are_mixed_as_the_recipe_says(examples):
    kinds = [examples.chain_of(number).kind for number in range(200)]
    assert 75 < kinds.count("distilled") < 125  # more than three standard deviations
    assert set(kinds) == {"distilled", "exp"}


def test_a_prediction_teaches_where_the_teacher_was_sure_and_no_confidence(examples):
    torch.manual_seed(0)
    model = AlphaFold(examples.recipe.model)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    seen = set()
    for number in range(6):
        example = examples.draw(number)
        is_distilled = example.id.startswith("dist")
        seen.add(is_distilled)
        output = model([[batch] for batch in example.passes])
        last = example.passes[-1]
        terms = loss_terms(output, example.labels, last.residues, last.masked_msa, unknown_resolution=1.0)
        assert terms.structure.backbone_fape > 0
        assert (terms.plddt == 0) == is_distilled
        assert (terms.experimentally_resolved == 0) == is_distilled
        terms.weighted(examples.recipe.losses).backward()
    assert seen == {True, False}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.structure_module.parameters())


def test_residues_of_which_the_teacher_was_unsure_are_masked_in_the_labels(examples):
    whole = replace(examples.recipe, sampling=replace(examples.recipe.sampling, crop_size=14))
    examples = Examples(examples.chains, whole, distilled=examples.distilled)
    for example in (examples.draw(number) for number in range(8)):
        is_known = example.labels.atom_mask.any(-1)
        is_distilled = example.id.startswith("dist")
        assert is_known.nonzero().flatten().tolist() == (
            list(range(4, 14)) if is_distilled else [0, 1, 2, *range(4, 14)]
        )


def test_a_student_sees_fewer_rows_of_a_predicted_chain_than_its_teacher_and_others_each_time(examples):
    chain, rng = examples.distilled[0], np.random.default_rng(0)
    drawn = [with_noise(chain, 4, rng).alignment.sequences for _ in range(5)]
    assert all(rows[0] == chain.sequence and len(rows) == 4 for rows in drawn)
    assert len({tuple(rows) for rows in drawn}) > 1
    state = rng.bit_generator.state
    assert with_noise(replace(chain, kind="exp"), 4, rng).depth == 9
    assert with_noise(replace(chain, alignment=None), 4, rng).depth == 1
    assert rng.bit_generator.state == state  # examples of experiments do not depend on this
    rows = next(e for e in (examples.draw(k) for k in range(20)) if e.id.startswith("dist")).passes[0]
    assert len(rows.msa.mask) + int(rows.extra_msa.mask.any(-1).sum()) <= 4
