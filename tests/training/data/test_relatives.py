"""Relatives are templates, strangers and the chain itself are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.chem.residues import GAP
from foldwright.models.af2.config import AF2, FeatureSizes, TemplateEmbedder
from foldwright.training.data.examples import Examples
from foldwright.training.data.relatives import Relatives, template_of
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.objective_af2 import initial_training
from foldwright.training.recipe import Recipe, Sampling


def relative_of(chain, seed, share=0.4, first=5):
    """The chain without its first residues, some of the others exchanged and one of them unseen."""
    rng = np.random.default_rng(seed)
    part = chain.crop(np.arange(first, len(chain)))
    aatype = np.where(rng.random(len(part)) < share, rng.integers(0, 20, len(part)), part.aatype)
    mask = part.mask.copy()
    mask[7] = False
    return replace(part, id=f"relative{seed}_A", aatype=aatype, mask=mask, positions=part.positions + 1)


def test_a_relative_stands_over_the_residues_it_is_aligned_to(made_chain):
    chain = made_chain(60)
    relative = relative_of(chain, 1)
    template = template_of(relative, chain)
    assert (template.aatype[0, :5] == GAP).all()
    assert not template.atom_mask[0, :5].any()
    assert not template.atom_mask[0, 12].any()
    assert 0 < template.atom_mask.mean() < 1
    np.testing.assert_array_equal(template.aatype[0, 5:], relative.aatype)
    np.testing.assert_array_equal(template.positions[0, 20:], relative.positions[15:])


def test_strangers_and_the_protein_itself_are_no_templates(made_chain):
    chain = made_chain(60)
    assert template_of(made_chain(60, 9), chain) is None
    assert template_of(replace(chain, id="again"), chain) is None
    bare = relative_of(chain, 1)
    assert template_of(replace(bare, mask=np.zeros_like(bare.mask)), chain) is None


@pytest.fixture
def stored(made_chain, tmp_path):
    """A family of seven, and a chain without relatives."""
    chain = made_chain(60, cluster="family")
    write_shards([chain, *(relative_of(chain, seed) for seed in range(6)), made_chain(50, 8)], tmp_path)
    return ShardedChains(tmp_path)


def test_none_to_four_relatives_are_drawn(stored):
    relatives, rng = Relatives(stored, range(8)), np.random.default_rng(0)
    drawn = [relatives.draw(stored[0], rng) for _ in range(60)]
    counts = np.bincount([0 if t is None else len(t.mask) for t in drawn], minlength=5) / 60
    assert len(counts) == 5
    np.testing.assert_allclose(counts, [1 / 7, 1 / 7, 1 / 7, 1 / 7, 3 / 7], atol=0.15)
    assert relatives.draw(stored[7], rng) is None


@pytest.mark.parametrize("is_multimer", [False, True])
def test_examples_of_networks_with_templates_have_them(stored, is_multimer):
    model = AF2(
        is_multimer=is_multimer,
        features=FeatureSizes(num_clusters=4, num_extra=4, num_templates=2),
        templates=TemplateEmbedder(),
    )
    sampling = Sampling(crop_size=20, is_length_weighted=False)
    recipe = Recipe(name="made", model=model, losses=initial_training(), sampling=sampling)
    drawn = [Examples(stored, recipe).draw(number) for number in range(16)]
    with_templates = [e for e in drawn if e.passes[0].templates is not None]
    assert 3 < len(with_templates) < 16
    assert all(e.id != "made8_A" for e in with_templates)
    for example in with_templates:
        batch = example.passes[0]
        assert batch.templates.aatype.shape[1] == len(batch.residues.aatype) == 20
        assert 1 <= batch.templates.mask.sum() <= 2
        alike = (batch.templates.aatype[0] == batch.residues.aatype).float().mean()
        assert alike > 0.1
    bare = Examples(stored, replace(recipe, model=replace(model, templates=None))).draw(0)
    assert bare.passes[0].templates is None
    again = Examples(stored, recipe).draw(15)
    assert (again.passes[0].templates is None) == (drawn[15].passes[0].templates is None)
    assert torch.equal(again.labels.positions, drawn[15].labels.positions)
