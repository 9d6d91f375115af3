"""Complexes: crops of several chains, their features, and the whole truth beside them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.models.af2.config import AF2, FeatureSizes
from foldwright.training.chain_order import labels_in_order
from foldwright.training.data.crop import contiguous_of_chains, interface_residues, spatial
from foldwright.training.data.examples import Examples
from foldwright.training.data.pieces import whole_complex
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.objective_af2 import initial_training
from foldwright.training.recipe import Recipe, Sampling

RECIPE = Recipe(
    name="complex",
    model=AF2(is_multimer=True, features=FeatureSizes(num_clusters=5, num_extra=4, num_templates=0), templates=None),
    losses=initial_training(),
    sampling=Sampling(crop_size=18, is_length_weighted=False),
    seed=2,
)


@pytest.fixture
def dimer(made_chain):
    """Two copies of a chain side by side and another farther away."""
    one = made_chain(14, 1, missing=[3], rows=6, entry="x")
    other = replace(one, id="copy_B", positions=one.positions + np.float32([8, 0, 0]) * one.mask[..., None])
    third = made_chain(11, 2, entry="x")
    return [one, other, replace(third, positions=third.positions + np.float32([0, 60, 0]) * third.mask[..., None])]


@pytest.fixture
def stored(dimer, made_chain, tmp_path):
    write_shards([*dimer, made_chain(20, 3)], tmp_path)
    return ShardedChains(tmp_path)


def test_pieces_of_chains_are_contiguous_and_add_up():
    rng = np.random.default_rng(0)
    lengths, size = [10, 25, 7], 20
    sizes = []
    for _ in range(200):
        chosen = contiguous_of_chains(lengths, size, rng)
        assert len(chosen) == size
        assert (np.diff(chosen) > 0).all()
        parts = np.split(chosen, np.searchsorted(chosen, [10, 35]))
        assert all((np.diff(part) == 1).all() for part in parts)
        sizes.append([len(part) for part in parts])
    assert len({tuple(s) for s in sizes}) > 50
    assert np.max(sizes, axis=0).tolist() == [10, 20, 7]
    np.testing.assert_array_equal(contiguous_of_chains([3, 4], 20, rng), np.arange(7))


def test_a_spatial_crop_surrounds_an_interface():
    rng = np.random.default_rng(0)
    positions = np.concatenate([np.c_[np.arange(30) * 4.0, np.zeros((30, 2))]] * 2)
    positions[30:, 1] += np.abs(positions[30:, 0] - 60)  # the second chain touches the first at residue 15
    asym_id, is_known = np.repeat([1, 2], 30), np.ones(60, bool)
    is_known[46] = False
    near = interface_residues(positions, is_known, asym_id)
    assert set(near) < {12, 13, 14, 15, 16, 17, 18, 43, 44, 45, 47, 48}
    chosen = spatial(positions, is_known, asym_id, 20, rng)
    assert len(chosen) == 20
    assert set(asym_id[chosen]) == {1, 2}
    assert 46 not in chosen
    assert np.abs(positions[chosen, 0] - 60).max() < 40
    assert spatial(positions, is_known, np.ones(60, int), 20, rng) is None


def test_an_example_is_a_crop_of_the_whole_complex(stored, dimer):
    examples = Examples(stored, RECIPE)
    total = {"made1_A+copy_B+made2_A": 39, "made3_A": 20}
    seen = set()
    for number in range(12):
        example = examples.draw(number, 2)
        residues, labels = example.passes[1].residues, example.labels
        assert len(residues.aatype) == 18
        assert torch.equal(residues.aatype, labels.aatype)
        assert len(example.truth.residues.aatype) == total[example.id]
        assert float(example.weight) == pytest.approx(18**0.5)
        seen.add(tuple(residues.asym_id.unique().tolist()))
    assert len(seen) > 2
    again = Examples(stored, RECIPE).draw(11, 2)
    assert torch.equal(again.passes[1].msa.feat, example.passes[1].msa.feat)


def test_copies_of_a_chain_are_one_entity(dimer):
    residues = whole_complex(dimer).example.residues
    assert residues.asym_id.unique().tolist() == [1, 2, 3]
    assert residues.entity_id[[0, 14, 28]].tolist() == [1, 1, 2]
    assert residues.sym_id[[0, 14, 28]].tolist() == [1, 2, 1]
    assert residues.residue_index[[0, 14, 28]].tolist() == [0, 0, 0]


def test_the_truth_may_be_taken_in_another_order(stored, dimer):
    example = next(e for e in map(Examples(stored, RECIPE).draw, range(20)) if "copy" in e.id)
    labels = example.labels
    same = labels_in_order(labels.positions, example.passes[0].residues, example.truth)
    torch.testing.assert_close(same.positions, labels.positions)
    torch.testing.assert_close(same.atom_mask, labels.atom_mask)
    assert 0 < labels.atom_mask.mean() < 1


def test_chains_of_another_split_stay_out_of_the_complex(dimer, tmp_path):
    write_shards([*dimer[:2], replace(dimer[2], split="val")], tmp_path)
    example = Examples(ShardedChains(tmp_path), RECIPE).draw(0)
    assert example.id == "made1_A+copy_B"
