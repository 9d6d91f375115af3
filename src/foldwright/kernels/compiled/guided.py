"""Rows of alignments that pairs guide, with what the pairs say compiled."""

from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.cpu_tokens import CPUMSAPairWeightedAveraging


class CompiledMSAPairWeightedAveraging(CompiledPairLogits, CPUMSAPairWeightedAveraging):
    """AF3 SI Alg. 10."""
