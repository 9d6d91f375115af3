"""The part of one stored loss that is rounding noise, told apart from the rest.

The first bin of the aligned error ends at 0. So on the diagonal, where the error is 0, rounding decides whether the
original program took the first bin or the second; ours takes the first. The loss itself is therefore only held to the
range that both choices span. Which residues went into the second bin can be inferred from the stored loss; that is
done for the gradients alone, each of which is then evidence of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.losses.confidence import aligned_error_loss, is_well_resolved
from foldwright.verification.af2_run import Run

SEARCHED = 40  # values of which all subsets are searched, in two halves


def noise_of_diagonal(run: Run) -> Tensor:
    """What to add to our aligned-error loss, whose diagonal is all in the first bin."""
    if run.output.pae_logits is None or "loss_predicted_aligned_error" not in run.stored:
        return run.mask.new_zeros(())
    change = loss_of_second_bin(run.output.pae_logits, run)
    return (change * torch.from_numpy(residues_in_second_bin(run)).to(change)).sum()


def range_of_diagonal(run: Run) -> tuple[float, float]:
    """How far below and above our aligned-error loss rounding on the diagonal may put the original's."""
    if run.output.pae_logits is None:
        return 0.0, 0.0
    change = loss_of_second_bin(run.output.pae_logits, run)
    return float(change.clamp_max(0).sum()), float(change.clamp_min(0).sum())


def residues_in_second_bin(run: Run) -> np.ndarray:
    """For every residue, whether the original's rounding put its own error into the second bin."""
    logits, frames = run.output.pae_logits, run.output.structure.backbone[-1]
    if {"predicted_aligned_error_logits", "sm_final_affines"} <= run.stored.keys():
        logits = torch.as_tensor(run.stored["predicted_aligned_error_logits"])
        affines = torch.as_tensor(run.stored["sm_final_affines"]).double()
        frames = Rigid(rotation_from_quaternion(affines[:, :4]), affines[:, 4:])
    assert logits is not None
    labels = run.example.labels.to(torch.float64)
    with torch.no_grad():
        loss = aligned_error_loss(logits.double(), frames.map(Tensor.double), labels.backbone, labels.backbone_mask)
        loss = loss * is_well_resolved(labels.resolution)
        difference = float(run.stored["loss_predicted_aligned_error"]) - float(loss)
        change = loss_of_second_bin(logits.double(), run).numpy()
    return closest_subset(change, difference)


def loss_of_second_bin(logits: Tensor, run: Run) -> Tensor:
    """How the loss changes as each residue's own error goes from the first into the second bin."""
    mask, resolution = (x.to(logits) for x in (run.example.labels.backbone_mask, run.example.labels.resolution))
    own = logits.diagonal(dim1=0, dim2=1)
    return mask * (own[0] - own[1]) / (mask.sum() ** 2 + 1e-8) * is_well_resolved(resolution)


def closest_subset(values: np.ndarray, target: float) -> np.ndarray:
    """Which values to sum for a sum nearest to `target`: of many the largest greedily, then all subsets of the rest."""
    chosen = np.zeros(len(values), dtype=bool)
    order = np.argsort(-np.abs(values))[: np.count_nonzero(values)]
    num_greedy = max(0, len(order) - SEARCHED)
    for i in order[:num_greedy]:
        chosen[i] = abs(target - values[i]) < abs(target)
        target = float(target - values[i] * chosen[i])
    left, right = np.array_split(order[num_greedy:], 2)
    a, b = subset_sums(values[left]), subset_sums(values[right])
    by_size = np.argsort(b)
    at = np.searchsorted(b, target - a, sorter=by_size)
    neighbours = by_size[np.stack([at, at - 1]).clip(0, len(b) - 1)]
    error = np.abs(a + b[neighbours] - target)
    side, i = np.unravel_index(error.argmin(), error.shape)
    chosen[left] = [bool(i >> k & 1) for k in range(len(left))]
    chosen[right] = [bool(neighbours[side, i] >> k & 1) for k in range(len(right))]
    return chosen


def subset_sums(values: np.ndarray) -> np.ndarray:
    """The sums of all subsets; bit k of the index says whether value k is in."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums
