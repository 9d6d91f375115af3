"""Networks that differ from AlphaFold 2 in one part: built whole, then a module is exchanged."""

from __future__ import annotations

from collections.abc import Callable

from foldwright.models.af2.config import AF2
from foldwright.models.af2.model import AlphaFold

VARIANTS: dict[str, Callable[[AF2], AlphaFold]] = {"alphafold": AlphaFold}


def build(variant: str, config: AF2) -> AlphaFold:
    """The network of this variant.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if variant not in VARIANTS:
        raise ValueError(f'unknown variant "{variant}". Known variants: {", ".join(VARIANTS)}.')
    return VARIANTS[variant](config)
