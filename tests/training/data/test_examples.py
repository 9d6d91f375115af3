"""Examples are decided by seed and number alone, and hold what was asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.features.structure import CA, CB, C, N
from foldwright.models.af2.config import AF2, FeatureSizes
from foldwright.training.data.examples import Examples, TrainingExample
from foldwright.training.data.labels import chain_labels
from foldwright.training.data.pieces import chain_features, with_deleted_blocks
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.objective_af2 import initial_training
from foldwright.training.recipe import Recipe, Sampling

RECIPE = Recipe(
    name="made",
    model=AF2(features=FeatureSizes(num_clusters=4, num_extra=6, num_templates=0), templates=None),
    losses=initial_training(),
    sampling=Sampling(crop_size=16, unclamped_fraction=0.3, is_length_weighted=False, deletion_blocks=2),
    seed=7,
)


@pytest.fixture
def stored(made_chain, tmp_path):
    """Twelve chains of 10 to 32 residues, some with alignments, some of which only the backbone is known."""
    chains = [
        made_chain(
            10 + 2 * i, i, missing=[4], rows=12 * (i % 3), has_sidechains=i % 4 != 3, split="val" if i > 9 else ""
        )
        for i in range(12)
    ]
    write_shards(chains, tmp_path / "chains", size=5)
    return ShardedChains(tmp_path / "chains")


def flat(example: TrainingExample) -> dict[str, torch.Tensor]:
    parts = {f"pass {i}.{k}": v for i, batch in enumerate(example.passes) for k, v in batch.flat().items()}
    scalars = {name: getattr(example, name) for name in ("has_sidechains", "is_clamped", "weight")}
    return parts | example.labels.flat() | scalars


def assert_same(one: TrainingExample, other: TrainingExample) -> None:
    assert one.id == other.id
    left, right = flat(one), flat(other)
    assert left.keys() == right.keys()
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], rtol=0, atol=0, msg=name)


def test_the_number_alone_decides_an_example(stored):
    ours, theirs = Examples(stored, RECIPE), Examples(ShardedChains(stored.folder), RECIPE)
    drawn = {number: ours.draw(number, 2) for number in range(6)}
    for number in reversed(range(6)):
        assert_same(drawn[number], theirs.draw(number, 2))
    assert len({example.id for example in drawn.values()}) > 3
    other = Examples(stored, replace(RECIPE, seed=8))
    assert [other.draw(number).id for number in range(6)] != [example.id for example in drawn.values()]


def test_a_further_pass_changes_nothing_of_the_earlier_ones(stored):
    examples = Examples(stored, RECIPE)
    few, many = examples.draw(3, 1), examples.draw(3, 4)
    assert len(many.passes) == 4
    for name, value in few.passes[0].flat().items():
        torch.testing.assert_close(value, many.passes[0].flat()[name], rtol=0, atol=0)


def test_passes_differ_in_their_masks_and_rows(stored):
    examples = Examples(stored, RECIPE)
    deep = next(e for e in (examples.draw(number, 3) for number in range(12)) if len(e.passes[0].msa.feat) == 4)
    first, second, third = (batch.msa.feat for batch in deep.passes)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    assert torch.equal(deep.passes[0].residues.aatype, deep.passes[2].residues.aatype)


def test_crops_are_no_longer_than_asked_and_line_up_with_the_truth(stored):
    drawn = [Examples(stored, RECIPE).draw(number) for number in range(10)]
    for example in drawn:
        chain = stored[stored.index[example.id]]
        batch, labels = example.passes[0], example.labels
        n = len(batch.residues.aatype)
        assert n == min(16, len(chain))
        assert torch.equal(batch.residues.aatype, labels.aatype)
        start = next(
            i for i in range(len(chain) - n + 1) if np.array_equal(chain.aatype[i : i + n], labels.aatype.numpy())
        )
        np.testing.assert_array_equal(labels.positions, chain.positions[start : start + n])
        assert batch.residues.residue_index.tolist() == list(range(n))
        assert float(example.weight) == pytest.approx(n**0.5)
    assert len({len(example.labels.aatype) for example in drawn}) > 2


def test_the_share_of_unclamped_examples_is_that_of_the_recipe(stored):
    def clamped(fraction):
        examples = Examples(stored, replace(RECIPE, sampling=replace(RECIPE.sampling, unclamped_fraction=fraction)))
        return [float(examples.draw(number).is_clamped) for number in range(8)]

    assert sum(clamped(0.0)) == 8
    assert sum(clamped(1.0)) == 0
    assert 0 < sum(clamped(0.5)) < 8


def test_only_the_split_is_drawn(stored):
    validation = {row.id for row in stored.manifest if row.split == "val"}
    drawn = {Examples(stored, RECIPE).chain_of(number).id for number in range(200)}
    assert drawn == {row.id for row in stored.manifest} - validation


def test_validation_goes_through_whole_chains_in_order(stored):
    examples = Examples(stored, RECIPE)
    one, other = list(examples.validation("val", 2)), list(examples.validation("val", 2))
    assert [example.id for example in one] == [row.id for row in stored.manifest if row.split == "val"]
    assert [len(example.labels.aatype) for example in one] == [30, 32]
    for a, b in zip(one, other, strict=True):
        assert_same(a, b)


def test_a_split_without_chains_is_refused_with_those_that_exist(stored):
    with pytest.raises(InputError, match=r"Splits of this folder: train, val"):
        Examples(stored, RECIPE, split="test")


def test_collated_examples_are_padded_and_masked(stored):
    examples = Examples(stored, RECIPE)
    drawn = [examples.draw(number, 2) for number in range(6)]
    together = examples.collate(drawn)
    assert together.passes[1].residues.mask.shape == (6, 16)
    assert 0 < together.passes[1].residues.mask.mean() < 1
    assert together.weight.shape == (6,)
    for i, example in enumerate(drawn):
        n = len(example.labels.aatype)
        torch.testing.assert_close(together.labels.positions[i, :n], example.labels.positions)
        assert not together.labels.atom_mask[i, n:].any()
        assert not together.passes[0].msa.mask[i, :, n:].any()


def test_an_example_moves_as_a_whole(stored):
    moved = Examples(stored, RECIPE).draw(0, 2).to(torch.float64)
    assert moved.passes[1].msa.feat.dtype == moved.labels.positions.dtype == moved.weight.dtype == torch.float64
    assert moved.labels.aatype.dtype == torch.int64


def test_block_deletion_leaves_out_rows_but_never_the_query(made_chain):
    chain = made_chain(9, rows=40)
    part = with_deleted_blocks(chain, RECIPE.sampling, np.random.default_rng(0))
    assert 20 <= part.depth <= 28  # two blocks of 12 rows, which may overlap
    assert part.alignment.query == chain.sequence
    assert set(part.alignment.sequences) < set(chain.alignment.sequences)
    assert not torch.equal(chain_features(part).profile, chain_features(chain).profile)
    none = replace(RECIPE.sampling, deletion_blocks=0)
    assert with_deleted_blocks(chain, none, np.random.default_rng(0)).depth == 40


def test_the_numbers_of_residues_that_were_left_out_of_the_file_are_kept(made_chain):
    chain = replace(made_chain(6), residue_index=np.array([5, 6, 7, 12, 13, 14]))
    assert chain_features(chain).residues.residue_index.tolist() == [0, 1, 2, 7, 8, 9]


def test_bare_backbones_have_an_ideal_beta_for_the_distogram_only(made_chain):
    """Expected place: 1.53 angstrom from CA, 110.5 degrees from N and C, on the side of L amino acids."""
    known, bare = made_chain(40, 5, missing=[7]), made_chain(40, 5, missing=[7], has_sidechains=False)
    labels = chain_labels(bare)
    is_beta = (labels.pseudo_beta_mask > 0) & (labels.aatype != 7)
    is_glycine = (labels.aatype == 7) & (labels.pseudo_beta_mask > 0)
    assert is_glycine.any()
    assert torch.equal(labels.pseudo_beta[is_glycine], labels.positions[:, CA][is_glycine])
    assert not labels.atom_mask[:, CB].any()
    assert labels.pseudo_beta_mask.sum() == 39
    beta = labels.pseudo_beta - labels.positions[:, CA]
    torch.testing.assert_close(beta[is_beta].norm(dim=-1), torch.full((int(is_beta.sum()),), 1.53), atol=0.02, rtol=0)
    to_n, to_c = (labels.positions[:, atom] - labels.positions[:, CA] for atom in (N, C))
    assert (torch.linalg.cross(to_n, to_c)[is_beta] * beta[is_beta]).sum(-1).min() > 0
    seen = chain_labels(known)
    assert torch.equal(seen.pseudo_beta[is_beta], seen.positions[:, CB][is_beta])


def test_unsure_residues_have_no_labels(made_chain):
    confidence = np.tile([0.9, 0.3], 5).astype(np.float32)
    labels = chain_labels(made_chain(10, confidence=confidence))
    assert labels.atom_mask.any(1).tolist() == [True, False] * 5
    assert not labels.positions[1::2].any()


def test_predicted_chains_are_mixed_in_at_the_recipes_share(stored, made_chain, tmp_path):
    write_shards([made_chain(20, 50 + i, kind="distilled") for i in range(4)], tmp_path / "more")
    recipe = replace(RECIPE, sampling=replace(RECIPE.sampling, distilled_fraction=0.4))
    examples = Examples(stored, recipe, distilled=ShardedChains(tmp_path / "more"))
    kinds = [examples.chain_of(number).kind for number in range(500)]
    assert kinds.count("distilled") / 500 == pytest.approx(0.4, abs=0.06)
    assert Examples(stored, recipe).chain_of(0).kind != "distilled"
