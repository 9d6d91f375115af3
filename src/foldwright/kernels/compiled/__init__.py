"""Layers compiled for the processor at hand: from normalisation to output without leaving its cache."""

from functools import cache
from importlib.util import find_spec

from torch import nn

from foldwright.kernels.fast import Fast


@cache
def compiled_layers() -> dict[type[nn.Module], type[Fast]]:
    """Which layer is run by which compiled kernel; none without llvmlite."""
    if find_spec("llvmlite") is None:
        return {}
    from foldwright.kernels.compiled.table import COMPILED

    return COMPILED
