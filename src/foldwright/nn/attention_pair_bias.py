"""Attention among single tokens that the pairs guide."""

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import LayerNorm, Linear


class AttentionPairBias(nn.Module):
    """Tokens look at each other, guided by the pair representation.

    AF3 SI Alg. 24 "AttentionPairBias", lines 3 and 5-11: the form without conditioning.
    """

    def __init__(self, c_s: int, c_z: int, heads: int = 16):  # N_head = 16, AF3 SI Alg. 17
        super().__init__()
        self.norm = LayerNorm(c_s)
        self.pair_norm = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.core = GatedAttention(c_s, c_s, c_s // heads, heads, c_s, query_bias=True, bias=False)

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch n"],
    ) -> Float[Tensor, "*batch n c_s"]:
        s = self.norm(s)
        return self.core(s, s, mask, self.pair_bias(z))

    def pair_bias(self, z: Tensor) -> Tensor:
        """Seam: what the pairs add to the logits, [*batch h n n]."""
        return self.bias(self.pair_norm(z)).movedim(-1, -3)
