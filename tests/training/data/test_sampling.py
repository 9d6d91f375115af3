"""Which chain is drawn: decided by seed and number, clusters counting once, long chains more often."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.training.data.sampling import Draw, length_probability

CLUSTERS = ["big"] * 50 + ["small"] * 2 + ["single"]
LENGTHS = [100] * 53


def test_a_chain_is_accepted_by_its_length():
    """max(min(n, 512), 256) / 512, AF2 Suppl. 1.2.5."""
    np.testing.assert_allclose(length_probability(np.array([10, 256, 384, 512, 2000])), [0.5, 0.5, 0.75, 1, 1])


def test_every_cluster_has_its_turn_in_every_round():
    draw = Draw(CLUSTERS, LENGTHS, seed=1, is_length_weighted=False)
    drawn = [CLUSTERS[draw(number)] for number in range(300)]
    for start in range(0, 300, 3):
        assert sorted(drawn[start : start + 3]) == ["big", "single", "small"]
    assert len({tuple(drawn[start : start + 3]) for start in range(0, 300, 3)}) == 6  # in changing order
    assert len({draw(number) for number in range(300)}) > 30  # of the big cluster's members too


def test_the_number_alone_decides():
    one, other = (Draw(CLUSTERS, LENGTHS, seed=5) for _ in range(2))
    forwards = [one(number) for number in range(40)]
    backwards = [other(number) for number in reversed(range(40))]
    assert forwards == backwards[::-1]
    assert forwards != [Draw(CLUSTERS, LENGTHS, seed=6)(number) for number in range(40)]


def test_long_chains_are_drawn_in_proportion_to_their_chance():
    clusters, lengths = ["a", "b", "c"], [256, 384, 600]
    draw = Draw(clusters, lengths, seed=0)
    counts = np.bincount([draw(number) for number in range(3_000)]) / 3_000
    np.testing.assert_allclose(counts, np.array([2, 3, 4]) / 9, atol=0.03)


def test_an_empty_set_is_refused():
    with pytest.raises(InputError, match="no chain to draw"):
        Draw([], [], seed=0)
