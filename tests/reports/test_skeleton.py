"""The opening view of a structure: most extent lies level, least in the line of sight, and nothing is mirrored."""

import numpy as np
import pytest

from foldwright.reports.skeleton import Skeleton


def skeleton(points):
    points = np.asarray(points, float)
    joined = [(i, i + 1) for i in range(len(points) - 1)]
    return Skeleton(positions=points, plddt=np.full(len(points), 90.0), joined=joined)


def rotated(quaternion, points):
    """By the product q v q* written out."""
    vector, w = quaternion[:3], quaternion[3]
    across = np.cross(vector, points)
    return points + 2 * (w * across + np.cross(vector, across))


@pytest.mark.parametrize("seed", range(6))
def test_the_turn_is_the_rotation_to_the_directions(seed):
    points = np.random.default_rng(seed).normal(size=(50, 3)) @ np.random.default_rng(seed + 9).normal(size=(3, 3))
    view = skeleton(points)
    assert np.linalg.det(view.directions) == pytest.approx(1)
    seen = rotated(view.turn, points)
    np.testing.assert_allclose(seen, points @ view.directions.T, atol=1e-9)
    spread = seen.std(axis=0)
    assert spread[0] > spread[1] > spread[2]
    assert seen[0, 0] < seen[:, 0].mean()


@pytest.mark.parametrize("axis", np.eye(3).tolist())
def test_a_rod_along_any_axis_lies_level(axis):
    rod = np.outer(np.arange(30), axis) + 0.1 * np.random.default_rng(0).normal(size=(30, 3))
    seen = rotated(skeleton(rod).turn, rod)
    assert np.ptp(seen[:, 0]) > 28
    assert np.ptp(seen[:, 1:], axis=0).max() < 1


def test_two_points_are_shown_as_they_lie():
    assert skeleton([[0, 0, 0], [0, 0, 4]]).turn.tolist() == [0, 0, 0, 1]
