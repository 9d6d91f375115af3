"""Whole parts of AF3 for inference on a CPU: layers share out their work, and nothing between wakes torch's threads.

Torch's own threads stay awake for a while after each operation, in the way of those that take whole pieces.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from foldwright.kernels.fast import Fast
from foldwright.kernels.spread import team
from foldwright.models.af3.diffusion import DiffusionModule, Prepared
from foldwright.models.af3.msa_module import MSAModule
from foldwright.models.af3.pairformer import PairformerStack


class _Stack(Fast):
    is_inference_only = True

    def forward(self, *inputs: Any) -> Any:
        if torch.is_grad_enabled():
            return super().forward(*inputs)  # type: ignore[misc]
        with team():
            return super().forward(*inputs)  # type: ignore[misc]


class CPUPairformerStack(_Stack, PairformerStack):
    """AF3 SI Alg. 17."""


class CPUMSAModule(_Stack, MSAModule):
    """AF3 SI Alg. 8."""


class CPUDiffusionModule(Fast, DiffusionModule):
    """AF3 SI Alg. 20."""

    is_inference_only = True

    def update(self, prepared: Prepared, r: Tensor, t_hat: Tensor) -> Tensor:
        """The network itself."""
        if torch.is_grad_enabled():
            return super().update(prepared, r, t_hat)
        with team():
            return super().update(prepared, r, t_hat)


STACKS: dict[type, type[Fast]] = {
    PairformerStack: CPUPairformerStack,
    MSAModule: CPUMSAModule,
    DiffusionModule: CPUDiffusionModule,
}
