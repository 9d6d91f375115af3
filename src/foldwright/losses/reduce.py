"""Means over what is real."""

import torch
from jaxtyping import Float
from torch import Tensor


def masked_mean(
    values: Float[Tensor, "..."], mask: Float[Tensor, "..."], num_axes: int, eps: float
) -> Float[Tensor, "*batch"]:
    """The mean over the last `num_axes` axes of entries whose mask is 1; the mask may broadcast over `values`.

    `eps` is added to the denominator, so that nothing at all gives 0.
    """
    axes = tuple(range(-num_axes, 0))
    mask = mask.expand(torch.broadcast_shapes(mask.shape, values.shape[-num_axes:]))
    return (values * mask).sum(axes) / (mask.sum(axes) + eps)


def cross_entropy(logits: Float[Tensor, "*batch c"], target: Tensor) -> Float[Tensor, "*batch"]:
    """-log of the probability that the logits give to the target class."""
    return -torch.log_softmax(logits, -1).gather(-1, target[..., None].long()).squeeze(-1)
