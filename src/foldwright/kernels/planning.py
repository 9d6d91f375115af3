"""Which layer is run by which kernel: a table that can be read before it is installed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from foldwright.kernels.attention import FusedAttention
from foldwright.kernels.channels_first import (
    ChannelsFirstTriangleMultiplicationIncoming,
    ChannelsFirstTriangleMultiplicationOutgoing,
)
from foldwright.kernels.chunked import (
    ChunkedMSAColumnAttention,
    ChunkedMSAColumnGlobalAttention,
    ChunkedMSARowAttention,
    ChunkedOuterProductMean,
    ChunkedTemplatePointwiseAttention,
    ChunkedTransition,
    ChunkedTriangleAttentionEndingNode,
    ChunkedTriangleAttentionEndingNodeUnturned,
    ChunkedTriangleAttentionStartingNode,
)
from foldwright.kernels.chunked_complexes import (
    ChunkedAttentionPairBias,
    ChunkedConditionedTransition,
    ChunkedDiffusionConditioning,
    ChunkedMSAPairWeightedAveraging,
    ChunkedPaperDiffusionConditioning,
    ChunkedPaperTokenRelativePosition,
    ChunkedSwiGLUTransition,
    ChunkedTokenRelativePosition,
    ChunkedWindowAttention,
)
from foldwright.kernels.compiled import compiled_layers
from foldwright.kernels.cpu_attention import (
    CPUMSAColumnAttention,
    CPUMSARowAttention,
    CPUTriangleAttentionEndingNode,
    CPUTriangleAttentionEndingNodeUnturned,
    CPUTriangleAttentionStartingNode,
)
from foldwright.kernels.cpu_denoiser import (
    CPUAdaptiveLayerNorm,
    CPUConditionedAttention,
    CPUDiffusionTransformer,
    CPUWindowAttention,
)
from foldwright.kernels.cpu_rows import (
    CPUConditionedTransition,
    CPUOuterProductMean,
    CPUSwiGLUTransition,
    CPUTransition,
)
from foldwright.kernels.cpu_tokens import CPUAttentionPairBias, CPUMSAPairWeightedAveraging
from foldwright.kernels.cpu_triangle import (
    CPUTriangleMultiplicationIncoming,
    CPUTriangleMultiplicationOutgoing,
)
from foldwright.kernels.fast import MEBIBYTE, Fast
from foldwright.kernels.precision import DTYPES, resolve
from foldwright.kernels.train_attention import (
    TrainedMSARowAttention,
    TrainedTriangleAttentionEndingNode,
    TrainedTriangleAttentionEndingNodeUnturned,
    TrainedTriangleAttentionStartingNode,
)
from foldwright.kernels.train_triangle import (
    TrainedTriangleMultiplicationIncoming,
    TrainedTriangleMultiplicationOutgoing,
)
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.models.af3.atom_transformer import WindowAttention
from foldwright.models.af3.confidence_head import ConfidenceHead
from foldwright.models.af3.diffusion import DiffusionModule
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning, PaperDiffusionConditioning
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformer
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition
from foldwright.nn.attention import GatedAttention
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging
from foldwright.nn.relative_position import PaperTokenRelativePosition, TokenRelativePosition
from foldwright.nn.transition import SwiGLUTransition, Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

Table = dict[type[nn.Module], type[Fast]]

# With gradients, on any device.
DIFFERENTIABLE: Table = {
    GatedAttention: FusedAttention,
    TriangleMultiplicationOutgoing: ChannelsFirstTriangleMultiplicationOutgoing,
    TriangleMultiplicationIncoming: ChannelsFirstTriangleMultiplicationIncoming,
}
CHUNKED: Table = {
    MSARowAttentionWithPairBias: ChunkedMSARowAttention,
    MSAColumnAttention: ChunkedMSAColumnAttention,
    MSAColumnGlobalAttention: ChunkedMSAColumnGlobalAttention,
    TriangleAttentionStartingNode: ChunkedTriangleAttentionStartingNode,
    TriangleAttentionEndingNode: ChunkedTriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned: ChunkedTriangleAttentionEndingNodeUnturned,
    OuterProductMean: ChunkedOuterProductMean,
    Transition: ChunkedTransition,
    TemplatePointwiseAttention: ChunkedTemplatePointwiseAttention,
    SwiGLUTransition: ChunkedSwiGLUTransition,
    MSAPairWeightedAveraging: ChunkedMSAPairWeightedAveraging,
    AttentionPairBias: ChunkedAttentionPairBias,
    TokenRelativePosition: ChunkedTokenRelativePosition,
    PaperTokenRelativePosition: ChunkedPaperTokenRelativePosition,
    DiffusionConditioning: ChunkedDiffusionConditioning,
    PaperDiffusionConditioning: ChunkedPaperDiffusionConditioning,
    ConditionedTransition: ChunkedConditionedTransition,
    WindowAttention: ChunkedWindowAttention,
}
CPU_INFERENCE: Table = {
    MSARowAttentionWithPairBias: CPUMSARowAttention,
    MSAColumnAttention: CPUMSAColumnAttention,
    MSAColumnGlobalAttention: ChunkedMSAColumnGlobalAttention,
    TriangleAttentionStartingNode: CPUTriangleAttentionStartingNode,
    TriangleAttentionEndingNode: CPUTriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned: CPUTriangleAttentionEndingNodeUnturned,
    TriangleMultiplicationOutgoing: CPUTriangleMultiplicationOutgoing,
    TriangleMultiplicationIncoming: CPUTriangleMultiplicationIncoming,
    OuterProductMean: CPUOuterProductMean,
    Transition: CPUTransition,
    TemplatePointwiseAttention: ChunkedTemplatePointwiseAttention,
    SwiGLUTransition: CPUSwiGLUTransition,
    MSAPairWeightedAveraging: CPUMSAPairWeightedAveraging,
    AttentionPairBias: CPUAttentionPairBias,
    TokenRelativePosition: ChunkedTokenRelativePosition,
    PaperTokenRelativePosition: ChunkedPaperTokenRelativePosition,
    DiffusionConditioning: ChunkedDiffusionConditioning,
    PaperDiffusionConditioning: ChunkedPaperDiffusionConditioning,
    AdaptiveLayerNorm: CPUAdaptiveLayerNorm,
    ConditionedTransition: CPUConditionedTransition,
    ConditionedAttention: CPUConditionedAttention,
    DiffusionTransformer: CPUDiffusionTransformer,
    WindowAttention: CPUWindowAttention,
}
# Recycling runs passes without gradients before the one that is trained: what has none runs as in inference.
CPU_TRAINING: Table = CPU_INFERENCE | {
    GatedAttention: FusedAttention,
    MSARowAttentionWithPairBias: TrainedMSARowAttention,
    TriangleAttentionStartingNode: TrainedTriangleAttentionStartingNode,
    TriangleAttentionEndingNode: TrainedTriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned: TrainedTriangleAttentionEndingNodeUnturned,
    TriangleMultiplicationOutgoing: TrainedTriangleMultiplicationOutgoing,
    TriangleMultiplicationIncoming: TrainedTriangleMultiplicationIncoming,
}

# What computes in float32 whatever the precision of the rest, as released: AF3's denoiser, and its confidence head.
ISLANDS = (DiffusionModule, ConfidenceHead)

PIECE_PER_THREAD = 4 * MEBIBYTE  # a CPU core's share of the last cache; measured best on two cores, dev/LOG.md
LARGEST_PIECE = 64 * MEBIBYTE
SMALLEST_PIECE = 2 * MEBIBYTE  # smaller products are slow
ACCELERATOR_PIECE = 1024 * MEBIBYTE
FRUGALITY = 16  # how much smaller the pieces are for what did not fit
LONG = 512  # tokens beyond which an accelerator's memory, too, is worth saving


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model will be run. `print(plan)` shows it."""

    device: torch.device
    precision: str  # "float32" or "bfloat16": the type of matrix products in the layers of the table
    is_in_place: bool  # residual updates overwrite the stream
    piece_bytes: int  # the largest intermediate a chunked kernel makes
    kernels: Table

    @property
    def product_dtype(self) -> torch.dtype | None:
        """What kernels cast the operands of their products to; None leaves them as they come."""
        return None if self.precision == "float32" else DTYPES[self.precision]

    def __str__(self) -> str:
        rows = [f"{layer.__name__:32} {kernel.__name__}" for layer, kernel in self.kernels.items()]
        head = (
            f"{self.device} · {self.precision} products · pieces of {self.piece_bytes / MEBIBYTE:.0f} MiB · "
            f"residual updates {'in place' if self.is_in_place else 'copied'}"
        )
        return "\n".join([head, *rows])


def plan(device: torch.device | str, num_tokens: int, training: bool, precision: str = "float32") -> Plan:
    """The kernels that serve a device best for so many residues or tokens.

    Raises:
        ValueError: a precision other than float32, bfloat16 and auto.
    """
    device = torch.device(device)
    return Plan(
        device=device,
        precision=resolve(precision, device),
        is_in_place=not training,
        piece_bytes=_piece_bytes(device, num_tokens),
        kernels=_table(device, num_tokens, training),
    )


def frugal(plan: Plan) -> Plan:
    """The same in smaller pieces, every layer cut that can be: slower, for what did not fit."""
    cut = plan.kernels if plan.device.type == "cpu" else plan.kernels | CHUNKED
    return replace(plan, piece_bytes=max(MEBIBYTE, plan.piece_bytes // FRUGALITY), kernels=cut)


def _table(device: torch.device, num_tokens: int, training: bool) -> Table:
    if device.type == "cpu":
        return CPU_TRAINING if training else CPU_INFERENCE | compiled_layers()
    return DIFFERENTIABLE | (CHUNKED if num_tokens > LONG else {})


def _piece_bytes(device: torch.device, num_tokens: int) -> int:
    if device.type != "cpu":
        return ACCELERATOR_PIECE
    quarter_of_pairs = num_tokens**2 * 128 * 4 // 4  # what is cut is never much smaller than its pieces
    largest = min(LARGEST_PIECE, PIECE_PER_THREAD * max(2, torch.get_num_threads()))
    return min(largest, max(SMALLEST_PIECE, quarter_of_pairs))
