"""Layers compiled for the processor at hand: from normalisation to output without leaving its cache."""

import logging
from functools import cache
from importlib.util import find_spec

from torch import nn

from foldwright.kernels.fast import Fast

log = logging.getLogger("foldwright.kernels")


@cache
def compiled_layers() -> dict[type[nn.Module], type[Fast]]:
    """Which layer is run by which compiled kernel; none where llvmlite is missing or does not load."""
    if find_spec("llvmlite") is None:
        return {}
    try:
        from foldwright.kernels.compiled.table import COMPILED
    except (ImportError, OSError, RuntimeError) as fault:
        log.warning("layers are not compiled, which is slower: llvmlite does not load: %s", fault)
        return {}
    return COMPILED
