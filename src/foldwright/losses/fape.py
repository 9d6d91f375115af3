"""The frame aligned point error: how wrong are the atoms, seen from every frame of the structure."""

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rigid import Rigid
from foldwright.losses.reduce import masked_mean

EPS = 1e-4  # square angstrom, AF2 Suppl. Alg. 28 line 4


def frame_aligned_distances(
    frames: Rigid, points: Float[Tensor, "*batch p 3"], true_frames: Rigid, true_points: Float[Tensor, "*true p 3"]
) -> Float[Tensor, "*batch f p"]:
    """How far every point lies from its true place when frame f of the prediction is laid over the true one.

    AF2 Suppl. Alg. 28 "computeFAPE", lines 1-3. Frames are [*batch f]; truth broadcasts over extra leading axes.
    """
    local = frames[..., None].invert_apply(points[..., None, :, :])
    true_local = true_frames[..., None].invert_apply(true_points[..., None, :, :])
    return torch.sqrt((local - true_local).square().sum(-1) + EPS)


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
    frames: Rigid, true_frames: Rigid, mask: Float[Tensor, "*mask n"], clamped_fraction: float = 1.0
) -> Float[Tensor, "*batch"]:
    """FAPE of C-alpha positions in backbone frames (AF2 Suppl. Alg. 20 "StructureModule", line 17).

    `clamped_fraction` mixes the error clamped at 10 angstrom with the free one: training takes the clamped one for
    90% of its batches (Suppl. 1.11.5).
    """
    distances = frame_aligned_distances(frames, frames.translation, true_frames, true_frames.translation)
    known = pairs(mask, mask)
    clamped = compute_fape(distances, known, clamp=10.0)
    if clamped_fraction == 1:
        return clamped
    return clamped_fraction * clamped + (1 - clamped_fraction) * compute_fape(distances, known, clamp=None)


def multimer_backbone_fape(
    frames: Rigid, true_frames: Rigid, mask: Float[Tensor, "*mask n"], is_same_chain: Float[Tensor, "*mask n n"]
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """FAPE within chains and FAPE across their interfaces, to be added (AF-Multimer Suppl. 7.? "FAPE").

    Within a chain errors are clamped at 10 angstrom; across chains at 1000 and counted in units of 20.
    """
    distances = frame_aligned_distances(frames, frames.translation, true_frames, true_frames.translation)
    known = pairs(mask, mask)
    within = compute_fape(distances, known * is_same_chain, clamp=10.0)
    across = compute_fape(distances, known * (1 - is_same_chain), clamp=1000.0, unit=20.0)
    return within, across


def all_atom_fape(
    frames: Rigid,
    atoms: Float[Tensor, "*batch n a 3"],
    true_frames: Rigid,
    true_atoms: Float[Tensor, "*batch n a 3"],
    frame_mask: Float[Tensor, "*batch n g"],
    atom_mask: Float[Tensor, "*batch n a"],
) -> Float[Tensor, "*batch"]:
    """FAPE of every atom in every rigid group's frame (AF2 Suppl. Alg. 20 "StructureModule", line 28)."""
    distances = frame_aligned_distances(
        _flatten(frames), atoms.flatten(-3, -2), _flatten(true_frames), true_atoms.flatten(-3, -2)
    )
    return compute_fape(distances, pairs(frame_mask.flatten(-2), atom_mask.flatten(-2)), clamp=10.0)


def _flatten(frames: Rigid) -> Rigid:
    return Rigid(frames.rotation.flatten(-4, -3), frames.translation.flatten(-3, -2))
