"""Attention along the rows and the columns of an alignment."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.attention import GatedAttention, masked_softmax
from foldwright.nn.linear import LayerNorm, Linear


class MSARowAttentionWithPairBias(nn.Module):
    """Within each sequence residues look at each other, guided by the pair representation.

    AF2 Suppl. Alg. 7 "MSARowAttentionWithPairBias".
    """

    def __init__(self, c_m: int, c_z: int, c_hidden: int = 32, heads: int = 8):
        super().__init__()
        self.norm = LayerNorm(c_m)
        self.pair_norm = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.core = GatedAttention(c_m, c_m, c_hidden, heads, c_m)

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch s n"],
    ) -> Float[Tensor, "*batch s n c_m"]:
        return self.rows(m, mask, self.pair_bias(z))

    def pair_bias(self, z: Tensor) -> Tensor:
        """Seam: what the pairs add to the logits of every row, [*batch 1 h n n]."""
        return self.bias(self.pair_norm(z)).movedim(-1, -3)[..., None, :, :, :]

    def rows(self, m: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """Seam: rows are independent once the pair bias is known."""
        m = self.norm(m)
        return self.core(m, m, mask, b)


class MSAColumnAttention(nn.Module):
    """Within each column of the alignment sequences look at each other.

    AF2 Suppl. Alg. 8 "MSAColumnAttention".
    """

    def __init__(self, c_m: int, c_hidden: int = 32, heads: int = 8):
        super().__init__()
        self.norm = LayerNorm(c_m)
        self.core = GatedAttention(c_m, c_m, c_hidden, heads, c_m)

    def forward(
        self, m: Float[Tensor, "*batch s n c_m"], mask: Float[Tensor, "*batch s n"]
    ) -> Float[Tensor, "*batch s n c_m"]:
        return self.columns(m.transpose(-2, -3), mask.transpose(-1, -2)).transpose(-2, -3)

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """Seam: columns [*batch n s c_m] are independent."""
        m = self.norm(m)
        return self.core(m, m, mask)


class MSAColumnGlobalAttention(nn.Module):
    """Column attention for thousands of rows: one mean query per column, keys and values shared by the heads.

    AF2 Suppl. Alg. 19 "MSAColumnGlobalAttention".
    """

    def __init__(self, c_m: int, c_hidden: int = 8, heads: int = 8):
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(c_m)
        self.query = Linear(c_m, heads * c_hidden, bias=False, init="attention")
        self.key = Linear(c_m, c_hidden, bias=False, init="attention")
        self.value = Linear(c_m, c_hidden, bias=False, init="attention")
        self.gate = Linear(c_m, heads * c_hidden, init="gating")
        self.out = Linear(heads * c_hidden, c_m, init="final")

    def forward(
        self, m: Float[Tensor, "*batch s n c_m"], mask: Float[Tensor, "*batch s n"]
    ) -> Float[Tensor, "*batch s n c_m"]:
        return self.columns(m.transpose(-2, -3), mask.transpose(-1, -2)).transpose(-2, -3)

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """Seam: columns [*batch n s c_m] are independent."""
        m = self.norm(m)
        # DISCREPANCY(AF2 Alg. 19 line 3): the released code averages the unmasked rows, then projects.
        mean = (m * mask[..., None]).sum(-2) / (mask.sum(-1)[..., None] + 1e-10)
        q = self.query(mean).unflatten(-1, (self.heads, -1))
        o = self.attend(q, self.key(m), self.value(m), mask)
        g = torch.sigmoid(self.gate(m))
        return self.out(g * o.flatten(-2)[..., None, :])

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """What each head's one query [*batch n h c] gathers from its column."""
        logits = torch.einsum("...hc,...sc->...hs", q * q.shape[-1] ** -0.5, k)
        return torch.einsum("...hs,...sc->...hc", masked_softmax(logits, mask[..., None, :]), v)
