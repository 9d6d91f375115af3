"""Layers that another representation conditions: it scales and shifts what goes in, and gates what comes out."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import LayerNorm, Linear


class ScaleLayerNorm(LayerNorm):
    """Normalises the channels, with learned scale and no offset: what AF3 SI 3.7 writes "offset = False"."""

    def __init__(self, c: int):
        super().__init__(c)
        self.register_parameter("bias", None)


class AdaptiveLayerNorm(nn.Module):
    """Normalises `a`, then scales and shifts it as `s` says.

    AF3 SI Alg. 26 "AdaLN".
    """

    def __init__(self, c_a: int, c_s: int):
        super().__init__()
        self.c_a = c_a
        self.norm = ScaleLayerNorm(c_s)
        self.scale = Linear(c_s, c_a)
        self.shift = Linear(c_s, c_a, bias=False)

    def forward(self, a: Float[Tensor, "*batch c_a"], s: Float[Tensor, "*#batch c_s"]) -> Float[Tensor, "*batch c_a"]:
        s = self.norm(s)
        a = torch.nn.functional.layer_norm(a, (self.c_a,), eps=self.norm.eps)
        return torch.sigmoid(self.scale(s)) * a + self.shift(s)


class OutputGate(nn.Module):
    """How much of an update each channel takes, as `s` says; it starts almost closed.

    AF3 SI Alg. 24 line 12, Alg. 25 line 3 ("adaLN-Zero").
    """

    def __init__(self, c_a: int, c_s: int):
        super().__init__()
        self.gate = Linear(c_s, c_a, init="final")
        nn.init.constant_(self.gate.bias, -2.0)  # AF3 SI Alg. 24 line 12, Alg. 25 line 3

    def forward(
        self, update: Float[Tensor, "*batch c_a"], s: Float[Tensor, "*#batch c_s"]
    ) -> Float[Tensor, "*batch c_a"]:
        return torch.sigmoid(self.gate(s)) * update


class ConditionedTransition(nn.Module):
    """The two-layer network for every position, conditioned on the way in and on the way out.

    AF3 SI Alg. 25 "ConditionedTransitionBlock".
    """

    def __init__(self, c_a: int, c_s: int, factor: int = 2):  # n = 2, AF3 SI Alg. 25
        super().__init__()
        self.norm = AdaptiveLayerNorm(c_a, c_s)
        self.gate = Linear(c_a, factor * c_a, bias=False, init="relu")
        self.expand = Linear(c_a, factor * c_a, bias=False)
        self.contract = Linear(factor * c_a, c_a, bias=False)
        self.output_gate = OutputGate(c_a, c_s)

    def forward(self, a: Float[Tensor, "*batch c_a"], s: Float[Tensor, "*#batch c_s"]) -> Float[Tensor, "*batch c_a"]:
        return self.output_gate(self.positions(self.norm(a, s)), s)

    def positions(self, a: Tensor) -> Tensor:
        """Seam: positions are independent."""
        return self.contract(torch.nn.functional.silu(self.gate(a)) * self.expand(a))
