import pytest
import torch

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import quaternion_from_rotation, rotation_from_quaternion


@pytest.fixture
def frames():
    return Rigid(
        rotation_from_quaternion(torch.randn(2, 5, 4, dtype=torch.float64)),
        torch.randn(2, 5, 3, dtype=torch.float64) * 10,
    )


def test_applying_and_undoing_return_the_points(frames):
    points = torch.randn(2, 5, 7, 3, dtype=torch.float64)
    moved = frames[..., None].apply(points)
    assert (moved - points).abs().mean() > 1
    torch.testing.assert_close(frames[..., None].invert_apply(moved), points)
    torch.testing.assert_close(frames.invert()[..., None].apply(moved), points)


def test_composition_applies_the_right_motion_first(frames):
    points = torch.randn(5, 3, dtype=torch.float64)
    a, b = frames[0], frames[1]
    torch.testing.assert_close((a @ b).apply(points), a.apply(b.apply(points)))
    torch.testing.assert_close((a[:, None] @ b).shape, torch.Size([5, 5]))


def test_indexing_follows_the_batch_axes(frames):
    assert frames.shape == (2, 5)
    assert frames[1].shape == (5,)
    assert frames[:, 2:4].shape == (2, 2)
    assert frames[..., None, 0].shape == (2, 1)
    assert frames[None].rotation.shape == (1, 2, 5, 3, 3)


def test_matrix_form_is_equivalent(frames):
    there_and_back = Rigid.from_matrix(frames.to_matrix())
    torch.testing.assert_close(there_and_back.rotation, frames.rotation)
    torch.testing.assert_close(there_and_back.translation, frames.translation)
    torch.testing.assert_close((frames @ frames).to_matrix(), frames.to_matrix() @ frames.to_matrix())


def test_identity_moves_nothing():
    points = torch.randn(4, 3)
    torch.testing.assert_close(Rigid.identity((4,), points).apply(points), points)


def test_scaling_changes_lengths_only(frames):
    scaled = frames.scale(10.0)
    torch.testing.assert_close(scaled.translation, frames.translation * 10)
    assert scaled.rotation is frames.rotation


def test_only_the_rotation_loses_its_gradient():
    rotation = torch.eye(3).requires_grad_()
    translation = torch.zeros(3, requires_grad=True)
    Rigid(rotation, translation).detach_rotation().apply(torch.ones(3)).sum().backward()
    assert rotation.grad is None
    assert translation.grad is not None


def test_stacking_adds_an_axis(frames):
    assert Rigid.stack([frames, frames, frames]).shape == (3, 2, 5)


def test_backbone_frames_equal_deepmind(oracle):
    """make_transform_from_reference.npz: float64, backbones of 1PSM chain A."""
    case = {k: torch.as_tensor(v).double() for k, v in oracle("geometry/make_transform_from_reference.npz").items()}
    frames = Rigid.from_3_points(case["in/n"], case["in/ca"], case["in/c"])
    real = (case["in/c"] - case["in/ca"]).norm(dim=-1) > 0.1
    assert real.sum() > 20
    # That function has no epsilon to speak of; Alg. 21 as released adds 1e-8 to squared lengths of about 2.
    torch.testing.assert_close(frames.rotation[real], case["out/rot"][real], atol=2e-8, rtol=0)
    torch.testing.assert_close(frames.translation, case["out/trans"])
    quaternions = quaternion_from_rotation(frames.rotation[real])
    torch.testing.assert_close(quaternions.abs(), case["out/abs_quat"][real], atol=2e-8, rtol=0)


def test_backbone_update_composes_as_in_deepmind(oracle):
    """quat_affine_pre_compose.npz: float64; update = (b, c, d) of the quaternion (1, b, c, d), then a translation."""
    case = {k: torch.as_tensor(v).double() for k, v in oracle("geometry/quat_affine_pre_compose.npz").items()}
    length2 = case["in/quat"].square().sum(-1)[:, None, None]  # rounding to float32 made it 1 + 1e-7; theirs keeps it
    start = Rigid(rotation_from_quaternion(case["in/quat"]) * length2, case["in/trans"])
    turn, shift = case["in/update"].split(3, dim=-1)
    step = Rigid(rotation_from_quaternion(torch.cat([torch.ones(len(turn), 1).double(), turn], dim=-1)), shift)
    moved = start @ step
    torch.testing.assert_close(moved.rotation / length2, case["out/rot"], atol=1e-12, rtol=0)
    torch.testing.assert_close(moved.translation, case["out/tensor"][:, 4:], atol=1e-12, rtol=0)
