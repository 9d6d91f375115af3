"""Mixing the columns of an alignment as the pairs say."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.attention import masked_softmax
from foldwright.nn.linear import LayerNorm, Linear


class MSAPairWeightedAveraging(nn.Module):
    """Every row gathers from its columns with weights that the pairs alone decide, the same for all rows.

    AF3 SI Alg. 10 "MSAPairWeightedAveraging".
    """

    def __init__(self, c_m: int, c_z: int, c_hidden: int = 8, heads: int = 8):
        super().__init__()
        self.heads = heads
        self.norm = LayerNorm(c_m)
        self.value = Linear(c_m, heads * c_hidden, bias=False)
        self.pair_norm = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.gate = Linear(c_m, heads * c_hidden, bias=False, init="gating")
        self.out = Linear(heads * c_hidden, c_m, bias=False, init="final")

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch s n"],
    ) -> Float[Tensor, "*batch s n c_m"]:
        return self.rows(m, self.weights(z, mask.amax(-2)))

    def weights(self, z: Tensor, column_mask: Tensor) -> Tensor:
        """Seam: how much column i takes of column j, [*batch h n n]; columns without any residue give nothing."""
        b = self.bias(self.pair_norm(z)).movedim(-1, -3)
        return masked_softmax(b, column_mask[..., None, None, :])

    def rows(self, m: Tensor, w: Tensor) -> Tensor:
        """Seam: rows are independent once the weights are known."""
        m = self.norm(m)
        v = self.value(m).unflatten(-1, (self.heads, -1))
        o = torch.einsum("...hij,...sjhc->...sihc", w, v).flatten(-2)
        return self.out(torch.sigmoid(self.gate(m)) * o)
