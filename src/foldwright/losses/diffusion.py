"""What the denoiser of AlphaFold 3 is taught by (AF3 SI 3.7.1), and the error that its PAE head is to tell."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foldwright.geometry.atom_frames import express_in_frames
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.superpose import superpose
from foldwright.losses.reduce import masked_mean
from foldwright.losses.smooth_lddt import smooth_lddt_loss

NUCLEOTIDE_WEIGHT, LIGAND_WEIGHT = 5.0, 10.0  # AF3 SI 3.7.1, equation 4


def weighted_rigid_align(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*true n 3"],
    weights: Float[Tensor, "*weights n"],
) -> Float[Tensor, "*batch n 3"]:
    """`positions` laid over `true_positions`; what does not count has weight 0, and no gradient comes back.

    AF3 SI Alg. 28 "weightedRigidAlign".
    """
    with torch.no_grad():
        motion = superpose(positions, true_positions.expand_as(positions), weights.expand(positions.shape[:-1]))
        return motion[..., None].apply(positions)


def atom_weights(is_nucleotide: Bool[Tensor, "*batch n"], is_ligand: Bool[Tensor, "*batch n"]) -> Tensor:
    """How much an atom counts: ligands are few, and worth many (AF3 SI 3.7.1, equation 4)."""
    return 1 + NUCLEOTIDE_WEIGHT * is_nucleotide.float() + LIGAND_WEIGHT * is_ligand.float()


def aligned_square_loss(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*true n 3"],
    weights: Float[Tensor, "*true n"],
    mask: Float[Tensor, "*true n"],
) -> Float[Tensor, "*batch"]:
    """A third of the mean weighted squared error, the truth laid over the prediction (AF3 SI 3.7.1, equations 2, 3)."""
    truth = weighted_rigid_align(true_positions.expand_as(positions), positions, weights * mask)
    squared = (positions - truth).square().sum(-1)
    return masked_mean(weights * squared, mask, num_axes=1, eps=1e-8) / 3


def bond_loss(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*true n 3"],
    bonds: Int[Tensor, "bonds 2"],
    mask: Float[Tensor, "*true n"],
) -> Float[Tensor, "*batch"]:
    """The mean squared error of the lengths of bonds between a polymer and a ligand (AF3 SI 3.7.1, equation 5)."""
    first, second = bonds.unbind(-1)
    length = (positions[..., first, :] - positions[..., second, :]).norm(dim=-1)
    true_length = (true_positions[..., first, :] - true_positions[..., second, :]).norm(dim=-1)
    return masked_mean((length - true_length).square(), mask[..., first] * mask[..., second], num_axes=1, eps=1e-8)


def diffusion_loss(
    positions: Float[Tensor, "*batch n 3"],
    true_positions: Float[Tensor, "*true n 3"],
    mask: Float[Tensor, "*true n"],
    weights: Float[Tensor, "*true n"],
    bonds: Int[Tensor, "bonds 2"],
    noise_level: Float[Tensor, "*batch"],
    sigma_data: float = 16.0,  # angstrom, AF3 SI Alg. 20
    bond_weight: float = 0.0,  # 1 in fine-tuning: AF3 SI 5.2, Table 6
) -> Float[Tensor, "*batch"]:
    """The loss of one denoised structure (AF3 SI 3.7.1, equation 6); lengths in angstrom."""
    square = aligned_square_loss(positions, true_positions, weights, mask)
    of_bonds = bond_loss(positions, true_positions, bonds, mask)
    # DISCREPANCY(AF3 SI 3.7.1 equation 6): the paper divides by (t + sigma)^2; the loss whose gradient has the same
    # size at every level of noise divides by (t sigma)^2 (Karras et al. 2022, Table 1).
    scale = (noise_level.square() + sigma_data**2) / (noise_level * sigma_data).square()
    return scale * (square + bond_weight * of_bonds) + smooth_lddt_loss(positions, true_positions, mask)


def alignment_error(
    positions: Float[Tensor, "*batch p 3"],
    true_positions: Float[Tensor, "*true p 3"],
    frames: Rigid,
    true_frames: Rigid,
    eps: float = 1e-8,
) -> Float[Tensor, "*batch f p"]:
    """How far every point is from its place, as every frame sees it (angstrom).

    AF3 SI Alg. 30 "computeAlignmentError".
    """
    local, true_local = express_in_frames(frames, positions), express_in_frames(true_frames, true_positions)
    return ((local - true_local).square().sum(-1) + eps).sqrt()
