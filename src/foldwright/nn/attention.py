"""Gated multi-head attention, the core that every attention layer of AlphaFold 2 shares."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import Linear

MASKED = -1e9  # the logit of what is masked; finite, so that a row with nothing to look at becomes uniform


def masked_softmax(logits: Float[Tensor, "*batch k"], mask: Float[Tensor, "*#batch k"]) -> Float[Tensor, "*batch k"]:
    """Weights over the last axis that vanish where the mask does; uniform where nothing is left."""
    return torch.softmax(logits.masked_fill(mask == 0, MASKED), dim=-1)


class GatedAttention(nn.Module):
    """What each query gathers from the values, gated by the query itself: the core of most attention algorithms.

    AF2 Suppl. Alg. 7 "MSARowAttentionWithPairBias", lines 2 and 4-7.
    """

    def __init__(
        self,
        c_q: int,
        c_kv: int,
        c_hidden: int,
        heads: int,
        c_out: int,
        is_gated: bool = True,
        query_bias: bool = False,
        bias: bool = True,  # of gate and output
    ):
        super().__init__()
        self.heads = heads
        self.query = Linear(c_q, heads * c_hidden, bias=query_bias, init="attention")
        self.key = Linear(c_kv, heads * c_hidden, bias=False, init="attention")
        self.value = Linear(c_kv, heads * c_hidden, bias=False, init="attention")
        self.gate = Linear(c_q, heads * c_hidden, bias=bias, init="gating") if is_gated else None
        self.out = Linear(heads * c_hidden, c_out, bias=bias, init="final")

    def forward(
        self,
        x_q: Float[Tensor, "*batch q c_q"],
        x_kv: Float[Tensor, "*batch k c_kv"],
        mask: Float[Tensor, "*batch k"],
        bias: Float[Tensor, "*#batch h q k"] | None = None,
    ) -> Float[Tensor, "*batch q c_out"]:
        q, k, v = (self.split(x) for x in (self.query(x_q), self.key(x_kv), self.value(x_kv)))
        o = self.attend(q, k, v, mask, bias).transpose(-2, -3).flatten(-2)
        if self.gate is not None:
            o = torch.sigmoid(self.gate(x_q)) * o
        return self.out(o)

    def split(self, x: Float[Tensor, "*batch q hc"]) -> Float[Tensor, "*batch h q c"]:
        """Channels into heads."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        """Seam: the softmax-weighted mean of the values, for each head [*batch h q c]."""
        logits = torch.einsum("...qc,...kc->...qk", q * q.shape[-1] ** -0.5, k)
        if bias is not None:
            logits = logits + bias
        return torch.einsum("...qk,...kc->...qc", masked_softmax(logits, mask[..., None, None, :]), v)
