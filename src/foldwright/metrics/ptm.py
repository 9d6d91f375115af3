"""The TM-score that a network expects of its own prediction, from how large an error it expects of every pair."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

LEAST_LENGTH = 19  # d0 is not defined for shorter chains, AF2 Suppl. 1.9.7


def tm_scale(num_residues: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """d0 in angstrom: the error that counts half (AF2 Suppl. 1.9.7)."""
    return 1.24 * (num_residues.clamp_min(LEAST_LENGTH) - 15) ** (1 / 3) - 1.8


def closeness(error: Tensor, scale: Tensor | float) -> Tensor:
    """What an error adds to a TM-score: 1 for none, 1/2 at the scale, 0 far away."""
    return 1 / (1 + (error / scale).square())


def expected_closeness(
    logits: Float[Tensor, "*batch a b bins"], errors: Float[Tensor, " bins"], scale: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch a b"]:
    """Closeness over the predicted distribution of errors (AF2 Suppl. 1.9.7, equation 40)."""
    return (logits.softmax(-1) * closeness(errors.to(logits), scale[..., None, None, None])).sum(-1)


def best_frame(closeness: Float[Tensor, "*batch a b"], counted: Float[Tensor, "*batch a b"]) -> Float[Tensor, "*batch"]:
    """The mean over the counted columns of the row, a frame to align on, that has the highest (AF2 Suppl. 1.9.7)."""
    return ((closeness * counted).sum(-1) / (counted.sum(-1) + 1e-8)).amax(-1)
