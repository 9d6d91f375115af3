"""The frame aligned point error: how wrong are the atoms, seen from every frame of the structure."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.distances import squared_lengths_of_products
from foldwright.geometry.rigid import Rigid
from foldwright.losses.reduce import masked_mean

EPS = 1e-4  # AF2 Suppl. Alg. 28 line 3, in square angstrom; also added to the number of pairs
# DISCREPANCY(AF-Multimer, section 2.5): the paper clamps errors across chains at 30 angstrom, the released code here.
INTERFACE_CLAMP = 1000.0

Length = Callable[[Tensor], Tensor]


def smooth_length(squared: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The root of squared lengths, differentiable at zero (AF2 Suppl. Alg. 28 "computeFAPE", line 3)."""
    return torch.sqrt(squared + EPS)


def floored_length(squared: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The root of squared lengths, at least 1e-4.

    DISCREPANCY(AF2 Alg. 28 line 3): the released AF-Multimer takes the greater of length and epsilon.
    """
    return torch.sqrt(squared.clamp(min=EPS**2))


def frame_aligned_distances(
    frames: Rigid,
    points: Float[Tensor, "*batch p 3"],
    true_frames: Rigid,
    true_points: Float[Tensor, "*true p 3"],
    length: Length = smooth_length,
) -> Float[Tensor, "*batch f p"]:
    """How far every point lies from its true place when frame f of the prediction is laid over the true one.

    AF2 Suppl. Alg. 28 "computeFAPE", lines 1-3. Frames are [*batch f]; truth broadcasts over extra leading axes.
    """
    # R^T (x - t) of the prediction less that of the truth is one product of matrices.
    moved = _from_outside(frames, true_frames.shape), _from_outside(true_frames, frames.shape)
    maps = torch.cat(
        [moved[0].rotation, -moved[1].rotation, (moved[0].translation - moved[1].translation)[..., None]], -1
    )
    both = torch.broadcast_tensors(points, true_points)
    vectors = torch.cat([*both, torch.ones_like(both[0][..., :1])], dim=-1).transpose(-1, -2)
    return length(squared_lengths_of_products(maps, vectors))


def _from_outside(frames: Rigid, shape: torch.Size) -> Rigid:
    """The motions into the frames, broadcast to frames of another shape."""
    shape = torch.broadcast_shapes(frames.shape, shape)
    into = frames.invert()
    return Rigid(into.rotation.expand(*shape, 3, 3), into.translation.expand(*shape, 3))


def compute_fape(
    distances: Float[Tensor, "*batch f p"], mask: Float[Tensor, "*mask f p"], clamp: float | None, unit: float = 10.0
) -> Float[Tensor, "*batch"]:
    """The mean of frame aligned distances, each at most `clamp`, in units of `unit` angstrom.

    AF2 Suppl. Alg. 28 "computeFAPE", lines 4-5; `mask` is 1 where frame and point are known.
    """
    clamped = distances if clamp is None else distances.clamp(max=clamp)
    # DISCREPANCY(AF2 Alg. 28 line 4): the released code also adds epsilon to the number of pairs.
    return masked_mean(clamped / unit, mask, num_axes=2, eps=EPS)


def pairs(frame_mask: Float[Tensor, "*batch f"], point_mask: Float[Tensor, "*batch p"]) -> Float[Tensor, "*batch f p"]:
    """1 where both the frame and the point are known."""
    return frame_mask[..., :, None] * point_mask[..., None, :]


def backbone_fape(
    frames: Rigid,
    true_frames: Rigid,
    mask: Float[Tensor, "*mask n"],
    is_same_chain: Float[Tensor, "*mask n n"],
    clamped_fraction: Float[Tensor, "*mask"] | float = 1.0,
    length: Length = smooth_length,
    interface_clamp: float = INTERFACE_CLAMP,
) -> Float[Tensor, "*batch"]:
    """FAPE of C-alpha positions in backbone frames, within chains plus across their interfaces.

    AF2 Suppl. Alg. 20 "StructureModule", line 17, clamped at 10 angstrom; `clamped_fraction` mixes in the free error,
    as 10% of training examples do (1.11.5). Across chains the unit is 20, as in the released
    AF-Multimer; that part is 0 if there is but one chain.
    """
    distances = frame_aligned_distances(frames, frames.translation, true_frames, true_frames.translation, length)
    within, across = (pairs(mask, mask) * part for part in (is_same_chain, 1 - is_same_chain))
    clamped = compute_fape(distances, within, clamp=10.0)
    free = compute_fape(distances, within, clamp=None)
    interface = compute_fape(distances, across, clamp=interface_clamp, unit=20.0)
    return clamped_fraction * clamped + (1 - clamped_fraction) * free + interface


def all_atom_fape(
    frames: Rigid,
    atoms: Float[Tensor, "*batch n a 3"],
    true_frames: Rigid,
    true_atoms: Float[Tensor, "*batch n a 3"],
    frame_mask: Float[Tensor, "*batch n g"],
    atom_mask: Float[Tensor, "*batch n a"],
    length: Length = smooth_length,
) -> Float[Tensor, "*batch"]:
    """FAPE of every atom in every rigid group's frame (AF2 Suppl. Alg. 20 "StructureModule", line 28)."""
    distances = frame_aligned_distances(
        _flatten(frames), atoms.flatten(-3, -2), _flatten(true_frames), true_atoms.flatten(-3, -2), length
    )
    return compute_fape(distances, pairs(frame_mask.flatten(-2), atom_mask.flatten(-2)), clamp=10.0)


def _flatten(frames: Rigid) -> Rigid:
    return Rigid(frames.rotation.flatten(-4, -3), frames.translation.flatten(-3, -2))
