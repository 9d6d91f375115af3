import pytest
import torch

from foldwright.geometry.rotation import (
    compose_rotations,
    quaternion_from_rotation,
    rotation_from_quaternion,
    rotation_from_two_vectors,
)


@pytest.fixture
def quaternions():
    q = torch.randn(3, 40, 4, dtype=torch.float64)
    half_turns = torch.tensor([[0.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]], dtype=torch.float64)
    q[0, :4] = half_turns
    return q


def test_rotations_of_quaternions_are_proper(quaternions):
    r = rotation_from_quaternion(quaternions)
    torch.testing.assert_close(compose_rotations(r, r.mT), torch.eye(3, dtype=r.dtype).expand_as(r))
    torch.testing.assert_close(torch.linalg.det(r), torch.ones(3, 40, dtype=r.dtype))
    assert r.std() > 0.1


def test_quaternion_survives_the_way_through_its_matrix(quaternions):
    found = quaternion_from_rotation(rotation_from_quaternion(quaternions))
    unit = quaternions / quaternions.norm(dim=-1, keepdim=True)
    assert (found[..., 0] >= 0).all()
    torch.testing.assert_close((found * unit).sum(-1).abs(), torch.ones(3, 40, dtype=unit.dtype))


def test_a_quarter_turn_about_z_takes_x_to_y():
    q = torch.tensor([2.0, 0, 0, 2.0])
    torch.testing.assert_close(rotation_from_quaternion(q)[:, 0], torch.tensor([0.0, 1, 0]))


def test_two_vectors_span_the_xy_plane():
    a, b = torch.randn(2, 9, 3, dtype=torch.float64)
    local_a, local_b = ((rotation_from_two_vectors(a, b).mT @ v[..., None]).squeeze(-1) for v in (a, b))
    torch.testing.assert_close(local_a[:, 1:], torch.zeros(9, 2, dtype=a.dtype), atol=1e-7, rtol=0)
    torch.testing.assert_close(local_b[:, 2], torch.zeros(9, dtype=a.dtype))
    assert (local_a[:, 0] > 0).all()
    assert (local_b[:, 1] > 0).all()


def test_vectors_of_no_length_give_zeros():
    assert rotation_from_two_vectors(torch.zeros(2, 3), torch.zeros(2, 3)).abs().max() == 0
