"""What atoms say about a structure: frames, torsion angles, pseudo-beta and the labels of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.chem import atoms, residues, rigid_groups
from foldwright.features.batch import TensorGroup
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.torsion import torsion_angle

N, CA, C, CB, O = (atoms.ATOM_INDEX[name] for name in ("N", "CA", "C", "CB", "O"))  # noqa: E741
GLY = residues.RESTYPE_INDEX["G"]


class RigidGroups(NamedTuple):
    """The frames of AF2 Suppl. Table 2, built from atoms; groups: backbone, pre-omega, phi, psi, chi 1-4."""

    frames: Rigid  # [*batch n 8]
    exists: Float[Tensor, "*batch n 8"]  # every atom of the group is resolved
    group_exists: Float[Tensor, "*batch n 8"]  # the residue type has this group
    is_ambiguous: Float[Tensor, "*batch n 8"]  # turning it by 180 degrees only renames atoms
    alt_frames: Rigid  # [*batch n 8]


class Torsions(NamedTuple):
    """pre-omega, phi, psi, chi 1-4 as (sin, cos) (AF2 Suppl. 1.8.1)."""

    sin_cos: Float[Tensor, "*batch n 7 2"]
    alt_sin_cos: Float[Tensor, "*batch n 7 2"]  # with the symmetric chi angles turned by 180 degrees
    mask: Float[Tensor, "*batch n 7"]


def _of_residues(name: str, aatype: Tensor, dtype: torch.dtype = torch.int64) -> Tensor:
    """The rows of a residue table (21 rows; a gap reads as unknown)."""
    table = next(getattr(home, name) for home in (rigid_groups, atoms, residues) if hasattr(home, name))
    return torch.as_tensor(table, dtype=dtype, device=aatype.device)[aatype.clamp(max=20).long()]


def _pick(values: Tensor, index: Tensor, num_trailing: int = 0) -> Tensor:
    """`values[..., index]` along the atom axis, the index having any number of further axes of its own."""
    num_batch = values.ndim - 1 - num_trailing
    flat = index.flatten(num_batch)
    wanted = flat.reshape(*flat.shape, *[1] * num_trailing).expand(*flat.shape, *values.shape[num_batch + 1 :])
    return values.gather(num_batch, wanted).reshape(*index.shape, *values.shape[num_batch + 1 :])


def atom37_to_frames(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n 37"]
) -> RigidGroups:
    """Frames of all eight groups of every residue from its atoms.

    AF2 Suppl. Alg. 21 "rigidFrom3Points" on the atoms of Table 2; a group without its atoms has a rotation of zeros.
    """
    index = _of_residues("RIGID_GROUP_ATOMS", aatype)
    before, origin, plane = _pick(positions, index, num_trailing=1).unbind(-2)
    # The atom before the origin lies on the negative x axis, except in the backbone: there x points from CA to C.
    along = torch.cat([before[..., :1, :], 2 * origin[..., 1:, :] - before[..., 1:, :]], dim=-2)
    frames = Rigid.from_3_points(plane, origin, along)

    group_exists = _of_residues("RIGID_GROUP_MASK", aatype, mask.dtype)
    exists = _pick(mask, index).amin(-1) * group_exists
    is_ambiguous = _ambiguous_groups(aatype).to(mask)
    flip = torch.stack([torch.ones_like(is_ambiguous), 1 - 2 * is_ambiguous, 1 - 2 * is_ambiguous], dim=-1)
    alt_frames = Rigid(frames.rotation * flip[..., None, :].to(positions), frames.translation)
    return RigidGroups(frames, exists, group_exists, is_ambiguous, alt_frames)


def _ambiguous_groups(aatype: Tensor) -> Tensor:
    """The last chi group of Asp, Glu, Phe and Tyr (AF2 Suppl. Table 3)."""
    is_periodic = _of_residues("CHI_IS_PI_PERIODIC", aatype)
    return torch.nn.functional.pad(is_periodic, (4, 0))


def atom37_to_torsions(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n 37"]
) -> Torsions:
    """The seven torsion angles of every residue (AF2 Suppl. 1.8.1, Table 2).

    Missing atoms are taken where they stand, at the origin, so a masked angle is defined but means nothing: the
    released monomer templates read such angles. `with_placeholders` replaces them.
    """
    quartets = torch.cat([_backbone_quartets(positions), _chi_quartets(aatype, positions)], dim=-3)
    sin_cos = torsion_angle(*quartets.unbind(-2))
    # psi places O, which stands opposite to the next N.
    sin_cos = sin_cos * sin_cos.new_tensor([1, 1, -1, 1, 1, 1, 1])[:, None]
    is_periodic = torch.nn.functional.pad(_of_residues("CHI_IS_PI_PERIODIC", aatype), (3, 0))
    alt_sin_cos = sin_cos * (1 - 2 * is_periodic)[..., None]
    atom_mask = mask[..., None]
    chi_mask = _chi_quartets(aatype, atom_mask)[..., 0].prod(-1) * _of_residues("CHI_MASK", aatype, mask.dtype)
    known = torch.cat([_backbone_quartets(atom_mask)[..., 0].prod(-1), chi_mask], dim=-1)
    return Torsions(sin_cos, alt_sin_cos, known)


def with_placeholders(torsions: Torsions) -> Torsions:
    """The same angles with (sin, cos) = (1, 0) where the mask is 0."""
    known = torsions.mask[..., None]
    # DISCREPANCY(AF2 Suppl. 1.8.1): the released placeholder (1, 0) is an angle of 90 degrees, not of zero.
    missing = torsions.sin_cos.new_tensor([1.0, 0.0]) * (1 - known)
    return Torsions(torsions.sin_cos * known + missing, torsions.alt_sin_cos * known + missing, torsions.mask)


def _backbone_quartets(values: Tensor) -> Tensor:
    """Per residue the four atoms of pre-omega, phi and psi; the residue before the first has zeros."""
    before = torch.cat([torch.zeros_like(values[..., :1, :, :]), values[..., :-1, :, :]], dim=-3)
    pre_omega = torch.cat([before[..., [CA, C], :], values[..., [N, CA], :]], dim=-2)
    phi = torch.cat([before[..., [C], :], values[..., [N, CA, C], :]], dim=-2)
    return torch.stack([pre_omega, phi, values[..., [N, CA, C, O], :]], dim=-3)


def _chi_quartets(aatype: Tensor, values: Tensor) -> Tensor:
    return _pick(values, _of_residues("CHI_ATOMS", aatype), num_trailing=1)


def chi_angles(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n 37"]
) -> tuple[Float[Tensor, "*batch n 4"], Float[Tensor, "*batch n 4"]]:
    """The side-chain angles in radians, zero where unknown, and their mask (AF2 Suppl. 1.8.1)."""
    torsions = atom37_to_torsions(aatype, positions, mask)
    sin, cos = torsions.sin_cos[..., 3:, :].unbind(-1)
    return torch.atan2(sin, cos) * torsions.mask[..., 3:], torsions.mask[..., 3:]


def pseudo_beta(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n 37"]
) -> tuple[Float[Tensor, "*batch n 3"], Float[Tensor, "*batch n"]]:
    """The C-beta of every residue, C-alpha for glycine (AF2 Suppl. 1.2.9, Table 1 `template_distogram`)."""
    is_glycine = aatype == GLY
    beta = torch.where(is_glycine[..., None], positions[..., CA, :], positions[..., CB, :])
    return beta, torch.where(is_glycine, mask[..., CA], mask[..., CB])


def atom14_from_atom37(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n 37"]
) -> tuple[Float[Tensor, "*batch n 14 3"], Float[Tensor, "*batch n 14"]]:
    """The same atoms in the compact order of each residue type; absent atoms are zero."""
    index = _of_residues("ATOM14_TO_ATOM37", aatype)
    known = _pick(mask, index) * _of_residues("ATOM14_MASK", aatype, mask.dtype)
    return _pick(positions, index, num_trailing=1) * known[..., None].to(positions), known


def atom37_from_atom14(
    aatype: Int[Tensor, "*batch n"], positions: Float[Tensor, "*batch n 14 3"], mask: Float[Tensor, "*batch n 14"]
) -> tuple[Float[Tensor, "*batch n 37 3"], Float[Tensor, "*batch n 37"]]:
    """The same atoms in the order common to all residue types; absent atoms are zero."""
    index = _of_residues("ATOM37_TO_ATOM14", aatype)
    known = _pick(mask, index) * _of_residues("ATOM37_MASK", aatype, mask.dtype)
    return _pick(positions, index, num_trailing=1) * known[..., None].to(positions), known


@dataclass(frozen=True, kw_only=True)
class StructureLabels(TensorGroup):
    """The true structure in every form the losses of AF2 Suppl. 1.9 compare with."""

    aatype: Int[Tensor, "*batch n"]
    positions: Float[Tensor, "*batch n 37 3"]  # angstrom
    atom_mask: Float[Tensor, "*batch n 37"]
    atom14_positions: Float[Tensor, "*batch n 14 3"]
    atom14_mask: Float[Tensor, "*batch n 14"]
    atom14_alt_positions: Float[Tensor, "*batch n 14 3"]  # with the symmetric atoms renamed (Alg. 26)
    atom14_alt_mask: Float[Tensor, "*batch n 14"]
    atom14_is_ambiguous: Float[Tensor, "*batch n 14"]
    rigid_groups: Float[Tensor, "*batch n 8 4 4"]
    rigid_groups_alt: Float[Tensor, "*batch n 8 4 4"]
    rigid_groups_mask: Float[Tensor, "*batch n 8"]
    rigid_group_exists: Float[Tensor, "*batch n 8"]
    rigid_group_is_ambiguous: Float[Tensor, "*batch n 8"]
    chi_angles: Float[Tensor, "*batch n 4"]  # radians
    chi_mask: Float[Tensor, "*batch n 4"]
    pseudo_beta: Float[Tensor, "*batch n 3"]
    pseudo_beta_mask: Float[Tensor, "*batch n"]
    resolution: Float[Tensor, "*batch"]  # angstrom; 0 where unknown

    @property
    def frames(self) -> Rigid:
        """[*batch n 8]"""
        return Rigid.from_matrix(self.rigid_groups)

    @property
    def alt_frames(self) -> Rigid:
        """[*batch n 8]"""
        return Rigid.from_matrix(self.rigid_groups_alt)

    @property
    def backbone(self) -> Rigid:
        """[*batch n]"""
        return Rigid.from_matrix(self.rigid_groups[..., 0, :, :])

    @property
    def backbone_mask(self) -> Float[Tensor, "*batch n"]:
        """1 where N, CA and C are resolved."""
        return self.rigid_groups_mask[..., 0]


def structure_labels(
    aatype: Int[Tensor, "*batch n"],
    positions: Float[Tensor, "*batch n 37 3"],
    mask: Float[Tensor, "*batch n 37"],
    resolution: Float[Tensor, "*batch"] | None = None,
) -> StructureLabels:
    """Everything the losses need to know about the true structure, from its atoms (AF2 Suppl. 1.2.9, 1.8, 1.9)."""
    groups = atom37_to_frames(aatype, positions, mask)
    atom14, atom14_mask = atom14_from_atom37(aatype, positions, mask)
    renaming = _of_residues("ATOM14_RENAMING", aatype, positions.dtype)
    chi, chi_mask = chi_angles(aatype, positions, mask)
    beta, beta_mask = pseudo_beta(aatype, positions, mask)
    return StructureLabels(
        aatype=aatype,
        positions=positions,
        atom_mask=mask,
        atom14_positions=atom14,
        atom14_mask=atom14_mask,
        atom14_alt_positions=torch.einsum("...ax,...ab->...bx", atom14, renaming),
        atom14_alt_mask=torch.einsum("...a,...ab->...b", atom14_mask, renaming.to(mask)),
        atom14_is_ambiguous=_of_residues("ATOM14_IS_AMBIGUOUS", aatype, mask.dtype),
        rigid_groups=groups.frames.to_matrix(),
        rigid_groups_alt=groups.alt_frames.to_matrix(),
        rigid_groups_mask=groups.exists,
        rigid_group_exists=groups.group_exists,
        rigid_group_is_ambiguous=groups.is_ambiguous,
        chi_angles=chi,
        chi_mask=chi_mask,
        pseudo_beta=beta,
        pseudo_beta_mask=beta_mask,
        resolution=positions.new_zeros(aatype.shape[:-1]) if resolution is None else resolution,
    )
