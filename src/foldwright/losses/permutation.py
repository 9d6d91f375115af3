"""Equal chains have no order: give each predicted copy the true one it is meant to be."""

from collections import Counter
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.superpose import superpose

MIN_ANCHOR = 3  # C-alphas that fix a superposition


class Chains(NamedTuple):
    """The C-alphas of a complex, or of a crop of one. `mask` is 0 on padding and where there is no atom."""

    positions: Float[Tensor, "n 3"]
    mask: Float[Tensor, " n"]
    asym_id: Int[Tensor, " n"]
    entity_id: Int[Tensor, " n"]
    residue_index: Int[Tensor, " n"]


class _Match(NamedTuple):
    """One predicted chain laid on one true chain of the same sequence."""

    predicted: int  # asym_id
    true: int  # asym_id
    residues: Int[Tensor, " k"]  # of the prediction
    partners: Int[Tensor, " k"]  # of the truth, or one past its end


@torch.no_grad()
def align_chains(predicted: Chains, truth: Chains) -> Int[Tensor, " n"]:
    """The residue of the truth that each predicted one is compared with, or one past the end if there is none.

    AF-Multimer, section 2.1 "Multi-chain permutation alignment": one predicted chain of the sequence with the fewest
    copies is laid over each true copy in turn; under that motion every other chain takes the nearest centre that is
    left. The motion whose assignment has the lowest RMSD wins. `truth` holds whole chains, `predicted` any crop.
    """
    truth = _with_nothing(truth)
    matches = _matches(predicted, truth)
    found = []
    for match in _anchors(matches, predicted, truth):
        assigned = _nearest_left(matches, _moved(truth, _motion(match, predicted, truth)), predicted, match)
        found.append(_partners(assigned, predicted, truth))
    return min(found, key=lambda partners: _rmsd(partners, predicted, truth), default=_partners([], predicted, truth))


def _with_nothing(truth: Chains) -> Chains:
    """One more residue, which is not there."""
    return Chains(*(torch.cat([x, torch.zeros_like(x[:1])]) for x in truth))


def _matches(predicted: Chains, truth: Chains) -> list[_Match]:
    """Every predicted chain with every true chain of its sequence."""
    nothing = len(truth.mask) - 1
    found = []
    for asym, entity in _entities(predicted.asym_id[predicted.mask > 0], predicted.entity_id[predicted.mask > 0]):
        residues = ((predicted.asym_id == asym) & (predicted.mask > 0)).nonzero().squeeze(-1)
        numbers = predicted.residue_index[residues]
        for other, of in _entities(truth.asym_id[:nothing], truth.entity_id[:nothing]):
            if of == entity:
                rows = (truth.asym_id[:nothing] == other).nonzero().squeeze(-1)
                is_same = numbers[:, None] == truth.residue_index[rows]
                partners = torch.where(is_same.any(-1), rows[is_same.int().argmax(-1)], nothing)
                found.append(_Match(asym, other, residues, partners))
    return found


def _entities(asym_id: Tensor, entity_id: Tensor) -> list[tuple[int, int]]:
    """Every chain with its sequence."""
    return sorted(set(zip(asym_id.tolist(), entity_id.tolist(), strict=True)))


def _anchors(matches: list[_Match], predicted: Chains, truth: Chains) -> list[_Match]:
    """The matches of the predicted chain that has the fewest; of such chains the longest."""
    usable = [match for match in matches if _shared(match, predicted, truth).sum() >= MIN_ANCHOR]
    copies = Counter(match.predicted for match in matches)
    ranked = sorted(usable, key=lambda match: (copies[match.predicted], -len(match.residues), match.predicted))
    return [match for match in ranked if match.predicted == ranked[0].predicted]


def _shared(match: _Match, predicted: Chains, truth: Chains) -> Tensor:
    """1 for residues known on both sides."""
    return predicted.mask[match.residues] * truth.mask[match.partners]


def _motion(match: _Match, predicted: Chains, truth: Chains) -> Rigid:
    """Lays the true chain over the predicted one."""
    known = _shared(match, predicted, truth)
    return superpose(truth.positions[match.partners], predicted.positions[match.residues], known)


def _moved(truth: Chains, motion: Rigid) -> Chains:
    return truth._replace(positions=motion.apply(truth.positions))


def _nearest_left(matches: list[_Match], truth: Chains, predicted: Chains, first: _Match) -> list[_Match]:
    """Chains paired one by one, the closest centres first, after the given pair."""
    by_distance = sorted(matches, key=lambda match: _centre_distance(match, predicted, truth))
    chosen: list[_Match] = []
    for match in [first, *by_distance]:
        if all(match.predicted != other.predicted and match.true != other.true for other in chosen):
            chosen.append(match)
    return chosen


def _centre_distance(match: _Match, predicted: Chains, truth: Chains) -> float:
    """Between the centres of the residues known on both sides; infinite where there are none."""
    known = _shared(match, predicted, truth)[:, None]
    apart = (predicted.positions[match.residues] - truth.positions[match.partners]) * known
    return float(torch.linalg.vector_norm(apart.sum(0) / known.sum())) if known.any() else float("inf")


def _partners(matches: list[_Match], predicted: Chains, truth: Chains) -> Tensor:
    partners = torch.full_like(predicted.asym_id, len(truth.mask) - 1)
    for match in matches:
        partners[match.residues] = match.partners
    return partners


def _rmsd(partners: Tensor, predicted: Chains, truth: Chains) -> float:
    """Of all assigned C-alphas, best superposed."""
    known, target = predicted.mask * truth.mask[partners], truth.positions[partners]
    moved = superpose(target, predicted.positions, known).apply(target)
    return float(((moved - predicted.positions).square().sum(-1) * known).sum() / known.sum().clamp_min(1e-12)) ** 0.5
