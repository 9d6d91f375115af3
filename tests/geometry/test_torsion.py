import math

import torch

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.geometry.torsion import rotation_about_x, torsion_angle


def chain_with_torsion(angle: torch.Tensor) -> list[torch.Tensor]:
    """Four points whose IUPAC torsion is `angle`: looking from p2 to p3, p4 stands clockwise of p1."""
    n = len(angle)
    p1 = torch.tensor([0.3, 1.2, 0.0], dtype=angle.dtype).expand(n, 3)
    p2, p3 = torch.zeros(n, 3, dtype=angle.dtype), torch.tensor([1.5, 0, 0], dtype=angle.dtype).expand(n, 3)
    p4 = p3 + torch.stack([torch.full_like(angle, 0.4), 1.1 * angle.cos(), 1.1 * angle.sin()], dim=-1)
    return [p1, p2, p3, p4]


def test_torsion_has_the_iupac_sign_and_ignores_rigid_motion():
    angle = torch.linspace(-math.pi, math.pi, 17, dtype=torch.float64)
    motion = Rigid(rotation_from_quaternion(torch.randn(4).double()), torch.randn(3).double())
    sin_cos = torsion_angle(*(motion.apply(p) for p in chain_with_torsion(angle)))
    torch.testing.assert_close(sin_cos, torch.stack([angle.sin(), angle.cos()], dim=-1), atol=1e-7, rtol=0)


def test_coinciding_points_have_no_torsion():
    assert torsion_angle(*torch.zeros(4, 2, 3)).abs().max() == 0


def test_rotation_about_x_leaves_x_and_turns_y_towards_z():
    r = rotation_about_x(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
    torch.testing.assert_close(r[:, :, 0], torch.tensor([1.0, 0, 0]).expand(2, 3))
    torch.testing.assert_close(r[:, :, 1], torch.tensor([[0, 0, 1.0], [0, 0.8, 0.6]]))
