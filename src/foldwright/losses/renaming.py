"""Names of symmetric atoms are a convention: take the one that suits the prediction."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.distances import smooth_distances
from foldwright.geometry.rigid import Rigid


class Atoms(NamedTuple):
    """Atoms of residues and which of them are known."""

    positions: Float[Tensor, "*batch n a 3"]
    mask: Float[Tensor, "*batch n a"]


def alternative_names_fit_better(
    predicted: Float[Tensor, "*batch n a 3"],
    truth: Atoms,
    alternative: Atoms,
    is_ambiguous: Float[Tensor, "*batch n a"],
) -> Float[Tensor, "*batch n"]:
    """1 for residues whose distances to all unambiguous atoms come out closer under the alternative names.

    AF2 Suppl. Alg. 26 "renameSymmetricGroundTruthAtoms", lines 1-4.
    """
    counted = _flat(truth.mask * is_ambiguous)[..., :, None] * _flat(truth.mask * (1 - is_ambiguous))[..., None, :]
    distances = _distances(predicted)
    misfit = (distances - _distances(truth.positions)).abs() * counted
    alternative_misfit = (distances - _distances(alternative.positions)).abs() * counted
    return (_per_residue(alternative_misfit, predicted) < _per_residue(misfit, predicted)).to(predicted)


def rename_symmetric_ground_truth_atoms(
    truth: Atoms, alternative: Atoms, is_renamed: Float[Tensor, "*batch n"]
) -> Atoms:
    """The true atoms, under the alternative names where `is_renamed` (Alg. 26, lines 5-7)."""
    choose = is_renamed[..., None]
    positions = truth.positions * (1 - choose[..., None]) + alternative.positions * choose[..., None]
    return Atoms(positions, truth.mask * (1 - choose) + alternative.mask * choose)


def rename_frames(truth: Rigid, alternative: Rigid, is_renamed: Float[Tensor, "*batch n"]) -> Rigid:
    """The frames [*batch n groups] that go with the renamed atoms."""
    choose = is_renamed[..., None, None]
    return Rigid(
        truth.rotation * (1 - choose[..., None]) + alternative.rotation * choose[..., None],
        truth.translation * (1 - choose) + alternative.translation * choose,
    )


def _flat(values: Tensor) -> Tensor:
    return values.flatten(-2)


def _distances(positions: Tensor) -> Tensor:
    points = positions.flatten(-3, -2)
    return smooth_distances(points, points, eps=1e-10)


def _per_residue(misfit: Tensor, like: Tensor) -> Tensor:
    num_residues, num_atoms = like.shape[-3:-1]
    return misfit.sum(-1).unflatten(-1, (num_residues, num_atoms)).sum(-1)
