"""Is the structure possible: peptide bonds, atoms that overlap, and distances within residues (AF2 Suppl. 1.9.11).

Atoms are in the dense layout of 14 per residue. Every bound is generous by 12 standard deviations or 1.5 angstrom.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.chem import atoms, bonds, residues
from foldwright.geometry.distances import smooth_distances
from foldwright.losses.reduce import masked_mean

TOLERANCE_FACTOR = 12.0  # standard deviations of a bond or angle, AF2 Suppl. 1.9.11
OVERLAP_TOLERANCE = 1.5  # angstrom, AF2 Suppl. 1.9.11
N, CA, C = 0, 1, 2  # slots of the backbone among the 14 atoms
SG = atoms.ATOM14_NAMES["CYS"].index("SG")
PROLINE = residues.RESTYPE_INDEX["P"]


@dataclass(frozen=True)
class BondViolations:
    """Peptide bonds of bad length or angle (AF2 Suppl. equations 44, 45)."""

    c_n_loss: Float[Tensor, "*batch"]
    ca_c_n_loss: Float[Tensor, "*batch"]
    c_n_ca_loss: Float[Tensor, "*batch"]
    residue_loss: Float[Tensor, "*batch n"]  # half of each neighbouring bond's sum
    is_violated: Float[Tensor, "*batch n"]


@dataclass(frozen=True)
class AtomViolations:
    """Atoms too close to, or too far from, another."""

    mean_loss: Float[Tensor, "*batch"]
    atom_loss: Float[Tensor, "*batch n 14"]
    is_violated: Float[Tensor, "*batch n 14"]


@dataclass(frozen=True)
class Violations:
    """All that `find_violations` found; `loss` is their sum."""

    bonds: BondViolations
    clashes: AtomViolations
    within: AtomViolations
    is_violated: Float[Tensor, "*batch n"]  # any of the three
    loss: Float[Tensor, "*batch"]  # AF2 Suppl. equation 47


@dataclass(frozen=True)
class ViolationMetrics:
    """The share of residues, or of neighbours for `extreme_ca_ca_distance`, with each kind of violation."""

    extreme_ca_ca_distance: Float[Tensor, "*batch"]
    between_residue_bond: Float[Tensor, "*batch"]
    between_residue_clash: Float[Tensor, "*batch"]
    within_residue: Float[Tensor, "*batch"]
    per_residue: Float[Tensor, "*batch"]


def find_violations(
    positions: Float[Tensor, "*batch n 14 3"],
    mask: Float[Tensor, "*batch n 14"],
    aatype: Int[Tensor, "*batch n"],
    residue_index: Int[Tensor, "*batch n"],
    asym_id: Int[Tensor, "*batch n"],
    cos_ca_c_n_stddev: float = bonds.COS_CA_C_N_STDDEV,
) -> Violations:
    """Everything impossible about predicted atoms; `mask` is 1 for the atoms that residues have."""
    bonded = bond_violations(positions, mask, aatype, residue_index, cos_ca_c_n_stddev)
    clashes = clash_violations(positions, mask, van_der_waals_radii(aatype).to(positions), residue_index, asym_id)
    within = within_residue_violations(positions, mask, aatype)
    kinds = [bonded.is_violated, clashes.is_violated.amax(-1), within.is_violated.amax(-1)]
    # DISCREPANCY(AF2 Suppl. equation 46): the paper sums over clashes; the released code divides by all atoms.
    per_atom = (clashes.atom_loss + within.atom_loss).sum((-2, -1)) / (mask.sum((-2, -1)) + 1e-6)
    loss = bonded.c_n_loss + bonded.ca_c_n_loss + bonded.c_n_ca_loss + per_atom
    return Violations(bonded, clashes, within, torch.stack(kinds).amax(0), loss)


def bond_violations(
    positions: Float[Tensor, "*batch n 14 3"],
    mask: Float[Tensor, "*batch n 14"],
    aatype: Int[Tensor, "*batch n"],
    residue_index: Int[Tensor, "*batch n"],
    cos_ca_c_n_stddev: float = bonds.COS_CA_C_N_STDDEV,
) -> BondViolations:
    """Length of the peptide bond and the angles at both its ends (AF2 Suppl. equations 44, 45)."""
    is_proline = (aatype[..., 1:] == PROLINE).long()
    length, length_stddev = (positions.new_tensor(x)[is_proline] for x in (bonds.C_N_LENGTH, bonds.C_N_LENGTH_STDDEV))
    has_ca, has_c, has_next_n, has_next_ca = _around_peptide_bond(mask[..., None]).squeeze(-2).unbind(-1)
    # The number of the next residue alone decides whether there is a bond.
    follows = (residue_index[..., 1:] - residue_index[..., :-1] == 1).to(mask)
    c_n, cos_ca_c_n, cos_c_n_ca = _peptide_bond(positions)
    terms = [
        _Deviation.of(c_n, length, length_stddev, follows * has_c * has_next_n),
        _Deviation.of(cos_ca_c_n, bonds.COS_CA_C_N, cos_ca_c_n_stddev, follows * has_ca * has_c * has_next_n),
        _Deviation.of(
            cos_c_n_ca, bonds.COS_C_N_CA, bonds.COS_C_N_CA_STDDEV, follows * has_c * has_next_n * has_next_ca
        ),
    ]
    # The released sum per residue counts absent bonds too; no loss is made of it.
    total = torch.stack([term.excess for term in terms]).sum(0)
    worst = torch.stack([term.is_violated for term in terms]).amax(0)
    return BondViolations(
        *(masked_mean(term.excess, term.known, num_axes=1, eps=1e-6) for term in terms),
        residue_loss=0.5 * (F.pad(total, (0, 1)) + F.pad(total, (1, 0))),
        is_violated=torch.maximum(F.pad(worst, (0, 1)), F.pad(worst, (1, 0))),
    )


class _Deviation(NamedTuple):
    """How far a length or cosine lies beyond its tolerance."""

    excess: Tensor
    is_violated: Tensor
    known: Tensor

    @classmethod
    def of(cls, value: Tensor, mean: Tensor | float, stddev: Tensor | float, known: Tensor) -> "_Deviation":
        error = torch.sqrt((value - mean).square() + 1e-6)
        allowed = TOLERANCE_FACTOR * stddev
        return cls(torch.relu(error - allowed), known * (error > allowed), known)


def _around_peptide_bond(values: Tensor) -> Tensor:
    """CA and C of each residue, N and CA of the next: [*batch n-1 c 4]."""
    here, after = values[..., :-1, :, :], values[..., 1:, :, :]
    return torch.stack([here[..., CA, :], here[..., C, :], after[..., N, :], after[..., CA, :]], dim=-1)


def _peptide_bond(positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The length of C-N and the cosines of the angles CA-C-N and C-N-CA."""
    ca, c, next_n, next_ca = _around_peptide_bond(positions).unbind(-1)
    length = _norm(next_n - c)
    c_to_n = (next_n - c) / length[..., None]
    c_to_ca = (ca - c) / _norm(ca - c)[..., None]
    n_to_ca = (next_ca - next_n) / _norm(next_ca - next_n)[..., None]
    return length, (c_to_ca * c_to_n).sum(-1), (-c_to_n * n_to_ca).sum(-1)


def clash_violations(
    positions: Float[Tensor, "*batch n 14 3"],
    mask: Float[Tensor, "*batch n 14"],
    radii: Float[Tensor, "*batch n 14"],
    residue_index: Int[Tensor, "*batch n"],
    asym_id: Int[Tensor, "*batch n"],
) -> AtomViolations:
    """Atoms of different residues that overlap (AF2 Suppl. equation 46)."""
    distances = _distances(positions.flatten(-3, -2))
    compared = _compared_atoms(mask, residue_index, asym_id)
    radii = radii.flatten(-2)
    allowed = compared * (radii[..., :, None] + radii[..., None, :]) - OVERLAP_TOLERANCE
    overlap = compared * torch.relu(allowed - distances)
    clash = compared * (distances < allowed)
    return AtomViolations(
        mean_loss=masked_mean(overlap, compared, num_axes=2, eps=1e-6),
        atom_loss=(overlap.sum(-1) + overlap.sum(-2)).unflatten(-1, mask.shape[-2:]),
        is_violated=torch.maximum(clash.amax(-1), clash.amax(-2)).unflatten(-1, mask.shape[-2:]),
    )


def _compared_atoms(mask: Tensor, residue_index: Tensor, asym_id: Tensor) -> Tensor:
    """1 for pairs of atoms, each pair once, that stand in different residues and are not bonded: [*batch n*14 n*14]."""
    known = mask.flatten(-2)
    slot = torch.arange(14, device=mask.device).repeat(mask.shape[-2])
    number, chain = (x.repeat_interleave(14, dim=-1) for x in (residue_index, asym_id))
    # The released code compares residue numbers across chains too: two residues of the same number never clash.
    once = number[..., :, None] < number[..., None, :]
    is_next = (number[..., :, None] + 1 == number[..., None, :]) & (chain[..., :, None] == chain[..., None, :])
    is_peptide_bond = is_next & (slot == C)[:, None] & (slot == N)
    # It lets the atoms in the slot of a cysteine's sulphur come as close as a disulphide bond in every residue type.
    may_be_disulphide = (slot == SG)[:, None] & (slot == SG)
    return known[..., :, None] * known[..., None, :] * (once & ~is_peptide_bond & ~may_be_disulphide)


def within_residue_violations(
    positions: Float[Tensor, "*batch n 14 3"], mask: Float[Tensor, "*batch n 14"], aatype: Int[Tensor, "*batch n"]
) -> AtomViolations:
    """Distances within a residue outside the bounds of its bonds, angles and atom radii (AF2 Suppl. equation 46)."""
    lower, upper = (positions.new_tensor(bound)[aatype.long()] for bound in _distance_bounds())
    distances = _distances(positions)
    others = 1 - torch.eye(14, dtype=mask.dtype, device=mask.device)
    compared = mask[..., :, None] * mask[..., None, :] * others
    loss = compared * (torch.relu(lower - distances) + torch.relu(distances - upper))
    violated = compared * ((distances < lower) | (distances > upper))
    return AtomViolations(
        mean_loss=masked_mean(loss, compared, num_axes=3, eps=1e-6),
        atom_loss=loss.sum(-1) + loss.sum(-2),
        is_violated=torch.maximum(violated.amax(-1), violated.amax(-2)),
    )


def van_der_waals_radii(aatype: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n 14"]:
    """The radii of a residue's atoms in angstrom; 0 where there is none."""
    table = atoms.ATOM37_VDW_RADIUS[atoms.ATOM14_TO_ATOM37] * atoms.ATOM14_MASK
    return torch.as_tensor(table, device=aatype.device)[aatype.long()]


def violation_metrics(
    violations: Violations,
    positions: Float[Tensor, "*batch n 14 3"],
    atom_mask: Float[Tensor, "*batch n 14"],
    residue_index: Int[Tensor, "*batch n"],
    mask: Float[Tensor, "*batch n"],
) -> ViolationMetrics:
    """What share of the residues is impossible, and in which way; `mask` is 1 for real residues."""

    def share(is_violated: Tensor) -> Tensor:
        return masked_mean(is_violated, mask, num_axes=1, eps=1e-10)

    return ViolationMetrics(
        extreme_ca_ca_distance=extreme_ca_ca_distance(positions, atom_mask, residue_index),
        between_residue_bond=share(violations.bonds.is_violated),
        between_residue_clash=share(violations.clashes.is_violated.amax(-1)),
        within_residue=share(violations.within.is_violated.amax(-1)),
        per_residue=share(violations.is_violated),
    )


def extreme_ca_ca_distance(
    positions: Float[Tensor, "*batch n 14 3"],
    atom_mask: Float[Tensor, "*batch n 14"],
    residue_index: Int[Tensor, "*batch n"],
    tolerance: float = 1.5,
) -> Float[Tensor, "*batch"]:
    """The share of neighbours whose C-alphas are over `tolerance` angstrom further apart than in a trans peptide."""
    ca = positions[..., CA, :]
    is_extreme = _norm(ca[..., 1:, :] - ca[..., :-1, :]) - bonds.CA_CA_DISTANCE > tolerance
    follows = residue_index[..., 1:] - residue_index[..., :-1] == 1
    known = atom_mask[..., 1:, CA] * atom_mask[..., :-1, CA] * follows
    return masked_mean(is_extreme.to(known), known, num_axes=1, eps=1e-10)


@cache
def _distance_bounds() -> tuple[np.ndarray, np.ndarray]:
    lower, upper, _ = bonds.atom14_distance_bounds(OVERLAP_TOLERANCE, TOLERANCE_FACTOR)
    return lower, upper


def _norm(v: Tensor) -> Tensor:
    return torch.sqrt(v.square().sum(-1) + 1e-6)


def _distances(points: Tensor) -> Tensor:
    return smooth_distances(points, points, eps=1e-10)
