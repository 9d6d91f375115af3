import torch

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.geometry.superpose import superpose


def test_a_moved_copy_is_laid_back_whatever_the_masked_points():
    target = torch.randn(3, 11, 3, dtype=torch.float64) * 5
    motion = Rigid(rotation_from_quaternion(torch.randn(3, 4).double()), torch.randn(3, 3).double() * 20)
    weights = (torch.arange(11) < 8).double().expand(3, 11)
    mobile = motion[:, None].apply(target)
    mobile[:, 8:] += 100
    found = superpose(mobile, target, weights)
    torch.testing.assert_close(found[:, None].apply(mobile)[:, :8], target[:, :8])
    assert 0 < weights.mean() < 1


def test_a_mirror_image_is_turned_and_never_reflected():
    target = torch.randn(9, 3, dtype=torch.float64)
    mobile = target * torch.tensor([1.0, 1, -1], dtype=torch.float64)
    found = superpose(mobile, target, torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(torch.linalg.det(found.rotation), torch.tensor(1.0).double())
    assert (found.apply(mobile) - target).square().sum(-1).mean() > 1e-2
