"""The layers that have a compiled form."""

from torch import nn

from foldwright.kernels.compiled.atoms import CompiledAtomTransformer, CompiledPaperAtomTransformer
from foldwright.kernels.compiled.attention import (
    CompiledMSAColumnAttention,
    CompiledMSARowAttention,
    CompiledTriangleAttentionEndingNode,
    CompiledTriangleAttentionEndingNodeUnturned,
    CompiledTriangleAttentionStartingNode,
)
from foldwright.kernels.compiled.denoiser import CompiledDiffusionTransformer
from foldwright.kernels.compiled.guided import CompiledMSAPairWeightedAveraging
from foldwright.kernels.compiled.tokens import CompiledAttentionPairBias
from foldwright.kernels.compiled.transition import CompiledSwiGLUTransition, CompiledTransition
from foldwright.kernels.compiled.triangle import (
    CompiledTriangleMultiplicationIncoming,
    CompiledTriangleMultiplicationOutgoing,
)
from foldwright.kernels.fast import Fast
from foldwright.models.af3.atom_transformer import AtomTransformer, PaperAtomTransformer
from foldwright.models.af3.diffusion_transformer import DiffusionTransformer
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.msa_attention import MSAColumnAttention, MSARowAttentionWithPairBias
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging
from foldwright.nn.transition import SwiGLUTransition, Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

COMPILED: dict[type[nn.Module], type[Fast]] = {
    MSARowAttentionWithPairBias: CompiledMSARowAttention,
    MSAColumnAttention: CompiledMSAColumnAttention,
    TriangleAttentionStartingNode: CompiledTriangleAttentionStartingNode,
    TriangleAttentionEndingNode: CompiledTriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned: CompiledTriangleAttentionEndingNodeUnturned,
    TriangleMultiplicationOutgoing: CompiledTriangleMultiplicationOutgoing,
    TriangleMultiplicationIncoming: CompiledTriangleMultiplicationIncoming,
    Transition: CompiledTransition,
    SwiGLUTransition: CompiledSwiGLUTransition,
    AttentionPairBias: CompiledAttentionPairBias,
    MSAPairWeightedAveraging: CompiledMSAPairWeightedAveraging,
    DiffusionTransformer: CompiledDiffusionTransformer,
    AtomTransformer: CompiledAtomTransformer,
    PaperAtomTransformer: CompiledPaperAtomTransformer,
}
