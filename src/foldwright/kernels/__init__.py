"""Faster ways to run the same layers, installed after a model is built."""

from foldwright.kernels.allocator import keep_large_allocations
from foldwright.kernels.checking import CheckResult
from foldwright.kernels.installing import install, self_check, uninstall
from foldwright.kernels.planning import Plan, frugal, plan
from foldwright.kernels.precision import has_bfloat16

__all__ = [
    "CheckResult",
    "Plan",
    "frugal",
    "has_bfloat16",
    "install",
    "keep_large_allocations",
    "plan",
    "self_check",
    "uninstall",
]
