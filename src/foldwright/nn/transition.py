"""The two-layer network applied to every position on its own."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import LayerNorm, Linear


class Transition(nn.Module):
    """Widens the channels by `factor`, bends them once, and narrows them again.

    AF2 Suppl. Alg. 9 "MSATransition"; AF2 Suppl. Alg. 15 "PairTransition".
    """

    def __init__(self, c: int, factor: int = 4):  # n = 4, AF2 Suppl. 1.6.3 and 1.6.7
        super().__init__()
        self.norm = LayerNorm(c)
        self.expand = Linear(c, factor * c, init="relu")
        self.contract = Linear(factor * c, c, init="final")

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch c"]:
        return self.positions(x)

    def positions(self, x: Tensor) -> Tensor:
        """Seam: positions are independent."""
        return self.contract(torch.relu(self.expand(self.norm(x))))


class SwiGLUTransition(nn.Module):
    """Widens the channels by `factor`, one half gating the other through a swish, and narrows them again.

    AF3 SI Alg. 11 "Transition".
    """

    def __init__(self, c: int, factor: int = 4):  # n = 4, AF3 SI Alg. 11
        super().__init__()
        self.norm = LayerNorm(c)
        self.gate = Linear(c, factor * c, bias=False, init="relu")
        self.expand = Linear(c, factor * c, bias=False)
        self.contract = Linear(factor * c, c, bias=False, init="final")

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch c"]:
        return self.positions(x)

    def positions(self, x: Tensor) -> Tensor:
        """Seam: positions are independent."""
        x = self.norm(x)
        return self.contract(torch.nn.functional.silu(self.gate(x)) * self.expand(x))
