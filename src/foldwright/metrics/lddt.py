"""The local distance difference test: how many distances of the true structure does the model keep.

Mariani et al. (2013) Bioinformatics 29, 2722. No superposition; 0 to 1.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CUTOFF = 15.0  # angstrom: only true distances below count
TOLERANCES = (0.5, 1.0, 2.0, 4.0)  # angstrom
ROWS = 1024  # points compared with all others at a time, to bound memory


class Kept(NamedTuple):
    """Distances of each point: how many the model keeps, a mean over tolerances, of how many."""

    kept: Float[Tensor, " points"]
    counted: Float[Tensor, " points"]


def kept_distances(
    positions: Float[Tensor, "points 3"],
    true_positions: Float[Tensor, "points 3"],
    group: Int[Tensor, " points"],
    rows: Bool[Tensor, " points"],
    columns: Bool[Tensor, " points"],
) -> Kept:
    """Distances from points of `rows` to points of `columns` in other groups; a group is a residue."""
    kept, counted = (torch.zeros(len(group), dtype=positions.dtype, device=group.device) for _ in range(2))
    for start in range(0, len(group), ROWS):
        block = slice(start, start + ROWS)
        # A cheap distance finds the neighbours, few of all pairs; the exact one decides.
        is_near = torch.cdist(true_positions[block], true_positions) < CUTOFF + 0.5
        i, j = (is_near & rows[block, None] & columns & (group[block, None] != group)).nonzero().unbind(-1)
        i = i + start
        true_distances = torch.linalg.vector_norm(true_positions[i] - true_positions[j], dim=-1)
        error = (true_distances - torch.linalg.vector_norm(positions[i] - positions[j], dim=-1)).abs()
        share = torch.stack([error < tolerance for tolerance in TOLERANCES]).to(kept).mean(0)
        is_counted = (true_distances < CUTOFF).to(kept)
        kept.index_add_(0, i, share * is_counted)
        counted.index_add_(0, i, is_counted)
    return Kept(kept, counted)


def lddt_ca(
    positions: Float[Tensor, "n 3"], true_positions: Float[Tensor, "n 3"], mask: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """lDDT of one atom for each residue; NaN where there is nothing to compare."""
    return lddt_all_atom(positions, true_positions, mask, torch.arange(len(mask), device=mask.device))


def lddt_all_atom(
    positions: Float[Tensor, "points 3"],
    true_positions: Float[Tensor, "points 3"],
    mask: Float[Tensor, " points"],
    group: Int[Tensor, " points"],
) -> Float[Tensor, " groups"]:
    """lDDT of each residue over all its atoms; `group` numbers the residue of every atom, names as given."""
    known = mask > 0
    found = kept_distances(positions, true_positions, group, known, known)
    return _sum_groups(found.kept, group) / _sum_groups(found.counted, group)


def better_names(
    positions: Float[Tensor, "points 3"],
    renamed: Float[Tensor, "points 3"],
    true_positions: Float[Tensor, "points 3"],
    mask: Float[Tensor, " points"],
    group: Int[Tensor, " points"],
) -> Float[Tensor, "points 3"]:
    """For each residue the naming of its equivalent atoms that keeps more distances to atoms that have but one name.

    `renamed` are the same atoms under the other names; those that differ are the ambiguous ones.
    """
    is_ambiguous = (renamed != positions).any(-1)
    known = mask > 0
    # Unambiguous atoms stand where they stand under either naming, so one array serves as both ends of a distance.
    as_given, otherwise = (
        _sum_groups(kept_distances(x, true_positions, group, known & is_ambiguous, known & ~is_ambiguous).kept, group)
        for x in (positions, renamed)
    )
    return torch.where((otherwise > as_given)[group, None], renamed, positions)


def _sum_groups(values: Tensor, group: Tensor) -> Tensor:
    return values.new_zeros(int(group.max()) + 1).index_add(0, group, values)
