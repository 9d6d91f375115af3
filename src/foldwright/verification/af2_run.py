"""One pass of a network over a stored example, and the form of the tables that look outputs up in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from foldwright.models.af2.config import AF2
from foldwright.models.af2.outputs import AF2Output
from foldwright.verification.af2_inputs import Example


@dataclass(frozen=True)
class Run:
    """One pass over an example, and what the original program stored of it."""

    config: AF2
    output: AF2Output
    example: Example
    stored: Mapping[str, np.ndarray]

    @property
    def mask(self) -> Tensor:
        """1 for real residues."""
        return self.example.batch.residues.mask


# Stored name -> what its axes count (n residues, s alignment rows, others anything), and where we have it.
Table = Mapping[str, tuple[str, Callable[[Run], Tensor | None]]]
