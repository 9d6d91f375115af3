"""From the alignment to the pairs."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import LayerNorm, Linear


class OuterProductMean(nn.Module):
    """How strongly two columns of the alignment vary together, averaged over its rows.

    AF2 Suppl. Alg. 10 "OuterProductMean"; AF3 SI Alg. 9 "OuterProductMean".
    """

    def __init__(self, c_m: int, c_z: int, c_hidden: int = 32, bias: bool = True):  # c = 32, AF2 Suppl. 1.6.4
        super().__init__()
        self.norm = LayerNorm(c_m)
        self.left = Linear(c_m, c_hidden, bias=bias)
        self.right = Linear(c_m, c_hidden, bias=bias)
        self.out = Linear(c_hidden * c_hidden, c_z, init="final")

    def forward(
        self, m: Float[Tensor, "*batch s n c_m"], mask: Float[Tensor, "*batch s n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        m = self.norm(m)
        a = self.left(m) * mask[..., None]
        b = self.right(m) * mask[..., None]
        rows = torch.einsum("...si,...sj->...ij", mask, mask)[..., None]
        # DISCREPANCY(AF2 Alg. 10 lines 3-4): the released code projects the sum, bias included, and only then divides.
        return self.project(a, b) / (rows + 1e-3)

    def project(self, a: Tensor, b: Tensor) -> Tensor:
        """Seam: the sum over rows of every outer product, projected to the pair channels."""
        outer = torch.einsum("...sic,...sjd->...ijcd", a, b)
        return self.out(outer.flatten(-2))
