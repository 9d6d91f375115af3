"""Cluster assignment and profiles against the definition written out with loops."""

import numpy as np
import pytest
import torch

from foldwright.features import clusters
from foldwright.features.msa import MSA


@pytest.fixture
def centres_and_rows():
    """Relatives of a few centres, with padding rows and columns; floats in double precision."""
    rng = np.random.default_rng(1)
    ancestors = rng.integers(0, 22, (5, 23))
    rows = ancestors[rng.integers(0, 5, 60)]
    rows = np.where(rng.random(rows.shape) < 0.4, rng.integers(0, 22, rows.shape), rows)
    mask = np.ones((65, 23))
    mask[60:] = mask[:, 20:] = 0
    letters = np.concatenate([ancestors, rows])
    msa = MSA(
        rows=torch.from_numpy(letters),
        deletions=torch.from_numpy(rng.poisson(0.5, letters.shape)).double(),
        mask=torch.from_numpy(np.concatenate([mask[5:60], mask[:5], mask[60:]])).double(),
        bert_mask=torch.ones(65, 23).double(),
        is_centre=torch.zeros(65).double(),
    )
    assert 0 < msa.mask.mean() < 1
    return msa.select(torch.arange(5)), msa.select(torch.arange(5, 65))


def agreement_by_definition(centre, centre_mask, row, row_mask):
    return sum(
        1
        for a, ma, b, mb in zip(centre, centre_mask, row, row_mask, strict=True)
        if ma and mb and a == b and a not in (21, 22)
    )


def test_agreement_counts_equal_residues_where_both_rows_are_real(centres_and_rows):
    centres, rows = centres_and_rows
    expected = [
        [
            agreement_by_definition(c, cm, r, rm)
            for c, cm in zip(centres.rows.tolist(), centres.mask.tolist(), strict=True)
        ]
        for r, rm in zip(rows.rows.tolist(), rows.mask.tolist(), strict=True)
    ]
    counts = clusters.agreement(centres, rows)
    assert counts.std() > 1
    assert counts.tolist() == expected
    assert clusters.nearest_centre(centres, rows).tolist() == [np.argmax(row) for row in expected]


def test_gaps_and_mask_tokens_agree_with_nothing():
    letters = torch.tensor([[21, 22, 20, 0]])
    msa = MSA(
        rows=letters, deletions=letters * 0.0, mask=letters * 0.0 + 1, bert_mask=letters * 0.0, is_centre=torch.ones(1)
    )
    assert clusters.agreement(msa, msa).tolist() == [[2.0]]


def test_monomer_clusters_are_averages_over_their_members(centres_and_rows):
    centres, rows = centres_and_rows
    nearest = clusters.nearest_centre(centres, rows)
    found = clusters.monomer_clusters(centres, rows)
    assert found.profile.std() > 0.05
    for c in range(5):
        members = rows.select((nearest == c).nonzero()[:, 0])
        letters = torch.cat([centres.rows[c : c + 1], members.rows])
        weight = torch.cat([torch.ones(1, 23).double(), members.mask])
        one_hot = torch.nn.functional.one_hot(letters, 23) * weight[..., None]
        count = 1e-6 + centres.mask[c] + members.mask.sum(0)
        torch.testing.assert_close(found.profile[c], one_hot.sum(0) / count[:, None], rtol=0, atol=1e-12)
        deletions = centres.deletions[c] + (members.mask * members.deletions).sum(0)
        torch.testing.assert_close(found.deletion_mean[c], deletions / count, rtol=0, atol=1e-6)


@pytest.mark.parametrize("function", [clusters.monomer_clusters, clusters.multimer_clusters])
def test_clusters_do_not_depend_on_the_size_of_the_chunks(centres_and_rows, function, monkeypatch):
    whole = function(*centres_and_rows)
    monkeypatch.setattr(clusters, "CHUNK_BYTES", 23 * 23 * 8 * 7)
    parts = function(*centres_and_rows)
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("function", [clusters.monomer_clusters, clusters.multimer_clusters])
def test_padding_rows_do_not_change_clusters(centres_and_rows, function):
    centres, rows = centres_and_rows
    nothing = rows.select(torch.tensor([3, 4])).map(lambda x: x.clone())
    nothing.mask.zero_()
    padded = MSA(**{name: torch.cat([x, nothing.flat()[name]]) for name, x in rows.flat().items()})
    for a, b in zip(function(centres, rows), function(centres, padded), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_centres_without_members_are_their_own_profile(centres_and_rows):
    centres, rows = centres_and_rows
    centres, none = centres.map(lambda x: x), rows.select(torch.arange(0))
    for function in (clusters.monomer_clusters, clusters.multimer_clusters):
        profile = function(centres, none).profile[:, :20]
        torch.testing.assert_close(profile.argmax(-1), centres.rows[:, :20])
