"""Which residues a crop keeps."""

import numpy as np

from foldwright.training.data.crop import contiguous, crop_start


def starts(favours_start, length=40, size=10):
    rng = np.random.default_rng(0)
    return np.array([crop_start(length, size, favours_start, rng) for _ in range(20_000)])


def test_every_place_is_equally_likely_without_a_preference():
    counts = np.bincount(starts(False), minlength=31)
    assert len(counts) == 31
    assert counts.min() > 0.8 * counts.mean()
    assert counts.max() < 1.2 * counts.mean()


def test_the_published_preference_is_for_the_beginning_of_the_chain():
    """Expected: P(start) = mean over limits l = 0..30 of [start <= l] / (l + 1), AF2 Suppl. 1.2.8."""
    expected = np.array([sum(1 / (limit + 1) for limit in range(start, 31)) / 31 for start in range(31)])
    counts = np.bincount(starts(True), minlength=31) / 20_000
    assert len(counts) == 31
    np.testing.assert_allclose(counts, expected, atol=0.01)


def test_a_short_chain_is_kept_whole():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(contiguous(7, 10, False, rng), np.arange(7))
    np.testing.assert_array_equal(contiguous(10, 10, True, rng), np.arange(10))
    assert len(contiguous(11, 10, True, rng)) == 10
