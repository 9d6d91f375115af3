"""Attention through torch's fused kernel: any device, any type, with gradients."""

import torch
from torch import Tensor

from foldwright.kernels.fast import Fast
from foldwright.nn.attention import GatedAttention

ERASED = -1e30  # absorbs any logit it is added to, so that a row of nothing else is uniform


class FusedAttention(Fast, GatedAttention):
    """`attend` without the matrix of logits."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        """The softmax-weighted mean of the values."""
        is_real = (mask != 0)[..., None, None, :]
        # A query with nothing to look at passes no gradient to its logits, as in the textbook.
        q = q * is_real.any(-1, keepdim=True)
        logits = q.new_zeros(()) if bias is None else bias.to(q.dtype)
        logits = logits.masked_fill(~is_real, ERASED)
        leading = q.shape[:-3]
        logits = logits.expand(*leading, -1, -1, -1).flatten(0, -4) if leading else logits
        q, k, v = (x.reshape(-1, *x.shape[-3:]) for x in (q, k, v))
        o = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=logits)
        return o.unflatten(0, leading) if leading else o[0]
