"""Frame aligned point error. Arrays: oracles/af2/geometry/fape.npz (AlphaFold 2 all_atom.py, float64)."""

import pytest
import torch

from foldwright.geometry.rigid import Rigid
from foldwright.losses import fape

ONE_CHAIN = torch.ones(2, 6, 6)


def affine_to_rigid(affine):
    """(w, x, y, z, translation) as the original program reads it: the quaternion is taken to have length 1."""
    w, x, y, z = affine[:, :4].unbind(-1)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ]
    return Rigid(torch.stack([torch.stack(row, -1) for row in rows], -2), affine[:, 4:])


def random_frames(*shape):
    return Rigid(torch.linalg.qr(torch.randn(*shape, 3, 3)).Q, 8 * torch.randn(*shape, 3))


@pytest.mark.parametrize(("name", "clamp"), [("clamp10", 10.0), ("noclamp", None)])
def test_value_and_gradients_equal_deepmind(name, clamp, oracle):
    case = {key: torch.as_tensor(x).double() for key, x in oracle("geometry/fape.npz").items()}
    affine, points = case["in/pred_affine"].requires_grad_(), case["in/pred_pos"].requires_grad_()
    truth = affine_to_rigid(case["in/true_affine"])
    distances = fape.frame_aligned_distances(affine_to_rigid(affine), points, truth, case["in/true_pos"])
    mask = fape.pairs(case["in/frames_mask"], case["in/pos_mask"])
    loss = fape.compute_fape(distances, mask, clamp)
    loss.backward()

    assert 0 < mask.mean() < 1
    assert (distances > 10).any()
    torch.testing.assert_close(loss.detach(), case[f"out/{name}"], rtol=1e-9, atol=0)
    for ours, key in ((affine.grad, "affine"), (points.grad, "pos")):
        theirs = case[f"out/{name}_grad_pred_{key}"]
        assert theirs.std() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_motion_of_the_whole_prediction_changes_nothing():
    frames, points, truth, true_points = random_frames(5), torch.randn(7, 3), random_frames(5), torch.randn(7, 3)
    move = Rigid(torch.linalg.qr(torch.randn(3, 3)).Q, torch.randn(3))
    before = fape.frame_aligned_distances(frames, points, truth, true_points)
    after = fape.frame_aligned_distances(move @ frames, move.apply(points), truth, true_points)
    assert before.std() > 0.1
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_unknown_atoms_and_frames_do_not_count():
    frames, truth, mask = (
        random_frames(2, 6),
        random_frames(2, 6),
        torch.tensor([[1, 1, 0, 1, 0, 1.0], [1, 1, 1, 1, 1, 0]]),
    )
    loss = fape.backbone_fape(frames, truth, mask, ONE_CHAIN)
    keep = mask[..., None] == 1
    elsewhere = Rigid(frames.rotation, torch.where(keep, frames.translation, 1e3))
    assert loss.std() > 1e-3
    torch.testing.assert_close(fape.backbone_fape(elsewhere, truth, mask, ONE_CHAIN), loss)


def test_layers_stand_in_front_of_the_batch():
    layers, truth, mask = random_frames(3, 2, 6), random_frames(2, 6), torch.tensor([1, 1, 0, 1, 1, 1.0]).expand(2, 6)
    together = fape.backbone_fape(layers, truth, mask, ONE_CHAIN)
    alone = torch.stack([fape.backbone_fape(layers[i], truth, mask, ONE_CHAIN) for i in range(3)])
    assert together.shape == (3, 2)
    torch.testing.assert_close(together, alone)


def test_unclamped_share_counts_far_errors():
    frames, mask = random_frames(6), torch.ones(6)
    truth = Rigid(frames.rotation, frames.translation + 40 * torch.randn(6, 3))
    clamped, mixed, free = (fape.backbone_fape(frames, truth, mask, ONE_CHAIN[0], share) for share in (1.0, 0.25, 0.0))
    assert clamped < mixed < free
    torch.testing.assert_close(mixed, 0.25 * clamped + 0.75 * free)


def test_chains_in_the_wrong_relative_place_are_an_error_across_them_only():
    frames, mask, chain = random_frames(6), torch.ones(6), torch.tensor([0, 0, 0, 1, 1, 1])
    moved = Rigid(frames.rotation, frames.translation + 30.0 * chain[:, None])
    same = (chain[:, None] == chain).float()
    loss = fape.backbone_fape(moved, frames, mask, same)
    torch.testing.assert_close(loss, torch.tensor(30 * 3**0.5 / 20), rtol=3e-3, atol=0)


def test_errors_across_chains_are_clamped_where_they_are_wanted_to():
    frames, mask, chain = random_frames(6), torch.ones(6), torch.tensor([0, 0, 0, 1, 1, 1])
    moved = Rigid(frames.rotation, frames.translation + 300.0 * chain[:, None])
    same = (chain[:, None] == chain).float()
    losses = [fape.backbone_fape(moved, frames, mask, same, interface_clamp=clamp) for clamp in (1e3, 30.0)]
    torch.testing.assert_close(torch.stack(losses), torch.tensor([300 * 3**0.5, 30.0]) / 20, rtol=3e-3, atol=0)


def test_every_atom_is_seen_from_every_group():
    frames, atoms = random_frames(4, 8), 5 * torch.randn(4, 14, 3)
    group_mask, atom_mask = torch.rand(4, 8).round(), torch.rand(4, 14).round()
    true_frames, true_atoms = random_frames(4, 8), 5 * torch.randn(4, 14, 3)
    loss = fape.all_atom_fape(frames, atoms, true_frames, true_atoms, group_mask, atom_mask)
    errors = [
        (frames[i, g].invert_apply(atoms[j, a]) - true_frames[i, g].invert_apply(true_atoms[j, a])).norm().clamp(max=10)
        for i, g in group_mask.nonzero().tolist()
        for j, a in atom_mask.nonzero().tolist()
    ]
    torch.testing.assert_close(loss, torch.stack(errors).mean() / 10, rtol=1e-4, atol=1e-5)
