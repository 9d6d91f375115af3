"""Does the network guess the letters that were hidden from it."""

from jaxtyping import Float, Int
from torch import Tensor

from foldwright.losses.reduce import cross_entropy, masked_mean


def masked_msa_loss(
    logits: Float[Tensor, "*batch s n classes"],
    true_msa: Int[Tensor, "*batch s n"],
    bert_mask: Float[Tensor, "*batch s n"],
) -> Float[Tensor, "*batch"]:
    """Cross entropy over the masked or replaced positions (AF2 Suppl. 1.9.9, equation 42)."""
    return masked_mean(cross_entropy(logits, true_msa), bert_mask, num_axes=2, eps=1e-8)
