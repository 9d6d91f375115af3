"""Linear maps and layer normalisation as every layer here uses them."""

import math
from typing import Literal

import torch
from torch import nn

Init = Literal["default", "relu", "attention", "gating", "final"]


class Linear(nn.Linear):
    """A linear map that starts as AF2 Suppl. 1.11.4 prescribes for its role.

    `default` LeCun, `relu` He (both truncated normal), `attention` Glorot uniform for queries, keys and values,
    `gating` zero weights and bias one (the gate starts open), `final` zero (a residual update starts as nothing).
    """

    def __init__(self, c_in: int, c_out: int, bias: bool = True, init: Init = "default"):
        self.init: Init = init
        super().__init__(c_in, c_out, bias=bias)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        match self.init:
            case "default" | "relu":
                _truncated_normal_(self.weight, variance=(2.0 if self.init == "relu" else 1.0) / self.in_features)
            case "attention":
                nn.init.xavier_uniform_(self.weight)
            case "gating" | "final":
                nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.constant_(self.bias, 1.0 if self.init == "gating" else 0.0)


class LayerNorm(nn.LayerNorm):
    """Normalises the channels, with learned scale and offset; epsilon 1e-5 as in the released code."""

    def __init__(self, c: int):
        super().__init__(c, eps=1e-5)


def _truncated_normal_(weight: torch.Tensor, variance: float) -> None:
    # A normal cut at two standard deviations has standard deviation 0.8796; divide so that `variance` is exact.
    std = math.sqrt(variance) / 0.87962566103423978
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
