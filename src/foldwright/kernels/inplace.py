"""Residual updates in place: the stream that runs past the layers is never copied."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.features.af3.batch import AF3Batch
from foldwright.kernels.fast import AddsInPlace, Fast
from foldwright.kernels.spread import team
from foldwright.models.af2.evoformer import PairBlock
from foldwright.models.af3.atom_encoder import AtomAttentionEncoder
from foldwright.models.af3.atom_transformer import AtomWindows, PreparedBlock
from foldwright.models.af3.confidence_head import ConfidenceHead
from foldwright.models.af3.outputs import ConfidenceLogits
from foldwright.models.af3.pairformer import PairBlock as AF3PairBlock
from foldwright.nn.residual import ResidualBlock


class InPlaceResidual(Fast, ResidualBlock):
    """Adds into the stream, which belongs to the caller: a stack hands its own on from block to block."""

    is_inference_only = True

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """x, changed."""
        return super().add(x, update) if torch.is_grad_enabled() else x.add_(update)


class InPlacePairs(InPlaceResidual):
    """Updates of pairs through triangles, each added by the layer that makes it where that layer can."""

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled() or self.training or not z.is_contiguous():
            return super().forward(z, mask)
        with team() if z.device.type == "cpu" else nullcontext():
            z = self.updated(z, self.triangle_multiplication_outgoing, mask)
            z = self.updated(z, self.triangle_multiplication_incoming, mask)
            z = self.updated(z, self.triangle_attention_starting, mask)
            z = self.updated(z, self.triangle_attention_ending, mask)
            return self.updated(z, self.pair_transition)

    def updated(self, z: Tensor, layer: Any, *mask: Tensor) -> Tensor:
        """z, changed."""
        return layer.add_to(z, *mask) if isinstance(layer, AddsInPlace) else self.add(z, layer(z, *mask))


@cache
def in_place(block: type[ResidualBlock]) -> type[ResidualBlock]:
    """The same kind of block, adding in place."""
    how = InPlacePairs if issubclass(block, (PairBlock, AF3PairBlock)) else InPlaceResidual
    kind = type(f"InPlace{block.__name__}", (how, block), {"__doc__": block.__doc__})
    assert issubclass(kind, ResidualBlock)
    return kind


class CopiedAtoms(Fast, AtomAttentionEncoder):
    """AF3 SI Alg. 5: the atoms that enter its blocks are also what conditions them, and stay."""

    def attend(
        self, q: Float[Tensor, "*batch s 32 c_atom"], windows: AtomWindows, given: tuple[PreparedBlock, ...]
    ) -> Float[Tensor, "*batch s 32 c_atom"]:
        return super().attend(q.clone(), windows, given)


class CopiedSingle(Fast, ConfidenceHead):
    """AF3 SI Alg. 31: the trunk's single representation serves every structure, and stays."""

    def forward(
        self,
        batch: AF3Batch,
        target_feat: Float[Tensor, "*batch n c_target"],
        single: Float[Tensor, "*batch n c_s"],
        pair: Float[Tensor, "*batch n n c_z"],
        positions: Float[Tensor, "*batch n 24 3"],
    ) -> ConfidenceLogits:
        return super().forward(batch, target_feat, single.clone(), pair, positions)


OWNERS: dict[type, type[Fast]] = {AtomAttentionEncoder: CopiedAtoms, ConfidenceHead: CopiedSingle}
