"""Layers that another representation conditions: it scales and shifts what goes in, and gates what comes out."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import LayerNorm, Linear


class ScaleLayerNorm(LayerNorm):
    """Normalises the channels, with learned scale and no offset: what AF3 SI 3.7 writes "offset = False"."""

    def __init__(self, c: int):
        super().__init__(c)
        self.register_parameter("bias", None)


class Modulation(NamedTuple):
    """What a conditioning does to normalised channels."""

    scale: Float[Tensor, "*batch c_a"]
    shift: Float[Tensor, "*batch c_a"]


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
        return self.modulate(a, self.condition(s))

    def condition(self, s: Float[Tensor, "*batch c_s"]) -> Modulation:
        """All that `s` alone decides."""
        s = self.norm(s)
        return Modulation(torch.sigmoid(self.scale(s)), self.shift(s))

    def modulate(self, a: Float[Tensor, "*batch c_a"], by: Modulation) -> Float[Tensor, "*batch c_a"]:
        """Seam: the rest."""
        return by.scale * torch.nn.functional.layer_norm(a, (self.c_a,), eps=self.norm.eps) + by.shift


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
        return self.condition(s) * update

    def condition(self, s: Float[Tensor, "*batch c_s"]) -> Float[Tensor, "*batch c_a"]:
        """The share of each channel that passes."""
        return torch.sigmoid(self.gate(s))


class Conditioning(NamedTuple):
    """What `s` decides of a layer: how the input is scaled and shifted, and how much of the update passes."""

    norm: Modulation
    gate: Float[Tensor, "*batch c_a"]


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
        return self.conditioned(a, self.condition(s))

    def condition(self, s: Float[Tensor, "*batch c_s"]) -> Conditioning:
        """All that `s` alone decides."""
        return Conditioning(self.norm.condition(s), self.output_gate.condition(s))

    def conditioned(self, a: Float[Tensor, "*batch c_a"], by: Conditioning) -> Float[Tensor, "*batch c_a"]:
        """The rest."""
        return by.gate * self.positions(self.norm.modulate(a, by.norm))

    def positions(self, a: Tensor) -> Tensor:
        """Seam: positions are independent."""
        return self.contract(torch.nn.functional.silu(self.gate(a)) * self.expand(a))
