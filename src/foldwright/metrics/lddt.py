"""The local distance difference test: how many distances of the true structure does the model keep.

Mariani et al. (2013) Bioinformatics 29, 2722. No superposition; 0 to 1.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

CUTOFF = 15.0  # angstrom: only true distances below count
TOLERANCES = (0.5, 1.0, 2.0, 4.0)  # angstrom
ROWS = 1024  # points compared with all others at a time, to bound memory


class Kept(NamedTuple):
    """Distances of each point: how many the model keeps, a mean over tolerances, of how many."""

    kept: Float[Tensor, "*batch points"]
    counted: Float[Tensor, "*batch points"]


def kept_distances(
    positions: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
    group: Int[Tensor, "*batch points"],
    others: Float[Tensor, "*batch points"] | None = None,
) -> Kept:
    """Distances from each point to points of other groups; a group is a residue.

    `others` is 1 for the points that distances may lead to; all known ones if not given.
    """
    columns = mask if others is None else mask * others
    parts = []
    for start in range(0, mask.shape[-1], ROWS):
        rows = slice(start, start + ROWS)
        true_distances = _distances(true_positions[..., rows, :], true_positions)
        error = (true_distances - _distances(positions[..., rows, :], positions)).abs()
        apart = group[..., rows, None] != group[..., None, :]
        counted = (true_distances < CUTOFF) * apart * mask[..., rows, None] * columns[..., None, :]
        kept = torch.stack([((error < tolerance) * counted).sum(-1) for tolerance in TOLERANCES]).mean(0)
        parts.append(Kept(kept, counted.sum(-1)))
    return Kept(torch.cat([part.kept for part in parts], -1), torch.cat([part.counted for part in parts], -1))


def lddt(
    positions: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
    group: Int[Tensor, "*batch points"],
) -> Float[Tensor, "*batch points"]:
    """The share of its distances that each point keeps; NaN where there is nothing to compare."""
    found = kept_distances(positions, true_positions, mask, group)
    return found.kept / found.counted


def lddt_ca(
    positions: Float[Tensor, "*batch n 3"], true_positions: Float[Tensor, "*batch n 3"], mask: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch n"]:
    """lDDT of one atom for each residue."""
    group = torch.arange(mask.shape[-1], device=mask.device).expand(mask.shape)
    return lddt(positions, true_positions, mask, group)


def lddt_all_atom(
    positions: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
    group: Int[Tensor, "*batch points"],
    num_groups: int,
) -> Float[Tensor, "*batch groups"]:
    """lDDT of each residue over all its atoms; `group` numbers the residue of every atom, names as given."""
    found = kept_distances(positions, true_positions, mask, group)
    return _sum_groups(found.kept, group, num_groups) / _sum_groups(found.counted, group, num_groups)


def better_names(
    positions: Float[Tensor, "*batch points 3"],
    renamed: Float[Tensor, "*batch points 3"],
    true_positions: Float[Tensor, "*batch points 3"],
    mask: Float[Tensor, "*batch points"],
    group: Int[Tensor, "*batch points"],
) -> Float[Tensor, "*batch points 3"]:
    """For each residue the naming of its equivalent atoms that keeps more distances to atoms that have but one name.

    `renamed` are the same atoms under the other names; those that differ are the ambiguous ones.
    """
    is_ambiguous = (renamed != positions).any(-1)
    unique = (~is_ambiguous).to(mask)
    num_groups = int(group.max()) + 1
    as_given, otherwise = (
        _sum_groups(kept_distances(x, true_positions, mask, group, unique).kept * is_ambiguous, group, num_groups)
        for x in (positions, renamed)
    )
    choose = (otherwise > as_given).gather(-1, group)
    return torch.where(choose[..., None], renamed, positions)


def _sum_groups(values: Tensor, group: Tensor, num_groups: int) -> Tensor:
    return values.new_zeros(*values.shape[:-1], num_groups).scatter_add(-1, group, values)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
