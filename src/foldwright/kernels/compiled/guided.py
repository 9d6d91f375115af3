"""Layers that pairs guide, with what the pairs say compiled."""

from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.cpu_tokens import CPUAttentionPairBias, CPUMSAPairWeightedAveraging


class CompiledAttentionPairBias(CompiledPairLogits, CPUAttentionPairBias):
    """AF3 SI Alg. 24 without conditioning."""


class CompiledMSAPairWeightedAveraging(CompiledPairLogits, CPUMSAPairWeightedAveraging):
    """AF3 SI Alg. 10."""
