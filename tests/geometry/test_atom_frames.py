import torch

from foldwright.geometry.atom_frames import express_in_frames, frame_of_atoms
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion


def corners(num_frames=4):
    return tuple(3 * torch.randn(3, num_frames, 3, dtype=torch.float64))


def test_a_right_angle_is_halved_by_the_x_axis():
    b = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    a, c = b + torch.tensor([[0.0, 2.0, 0.0]]), b + torch.tensor([[5.0, 0.0, 0.0]])
    seen = express_in_frames(frame_of_atoms(a, b, c), torch.cat([a, b, c, b + torch.tensor([[0.0, 0.0, 1.0]])]))
    root = 0.5**0.5
    expected = [[2 * root, -2 * root, 0.0], [0.0, 0.0, 0.0], [5 * root, 5 * root, 0.0], [0.0, 0.0, -1.0]]
    torch.testing.assert_close(seen[0], torch.tensor(expected, dtype=torch.float64))


def test_frames_turn_with_their_atoms_so_that_what_they_see_stays():
    a, b, c = corners()
    points = torch.randn(7, 3, dtype=torch.float64)
    motion = Rigid(rotation_from_quaternion(torch.randn(4, dtype=torch.float64)), torch.randn(3).double() * 9)
    seen = express_in_frames(frame_of_atoms(a, b, c), points)
    moved = express_in_frames(frame_of_atoms(*(motion.apply(atom) for atom in (a, b, c))), motion.apply(points))
    assert seen.shape == (4, 7, 3)
    assert seen.std() > 0.1
    torch.testing.assert_close(seen, moved)


def test_three_atoms_on_one_spot_see_finite_numbers_with_finite_gradients():
    atom = torch.ones(1, 3, requires_grad=True)
    seen = express_in_frames(frame_of_atoms(atom, atom, atom), torch.zeros(2, 3))
    seen.sum().backward()
    assert seen.isfinite().all()
    assert atom.grad is not None
    assert atom.grad.isfinite().all()
