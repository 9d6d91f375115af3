"""What AlphaFold 3 returns beside its structures: logits of its heads and the confidence they mean."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from foldwright.features.batch import TensorGroup


@dataclass(frozen=True, kw_only=True)
class ConfidenceLogits(TensorGroup):
    """What the confidence head says of one structure (AF3 SI Alg. 31)."""

    plddt: Float[Tensor, "*batch n 24 plddt_bins"]
    pae: Float[Tensor, "*batch n n pae_bins"]
    pde: Float[Tensor, "*batch n n pde_bins"]  # symmetric
    resolved: Float[Tensor, "*batch n 24 2"]


@dataclass(frozen=True, kw_only=True)
class Confidence(TensorGroup):
    """How much the network trusts one structure (AF3 SI 4.3); zero where a pair has padding."""

    plddt: Float[Tensor, "*batch n 24"]  # 0 to 100, of every atom
    pae: Float[Tensor, "*batch n n"]  # angstrom, row: aligned on, column: error of
    pde: Float[Tensor, "*batch n n"]  # angstrom, of the distance between representative atoms
    average_pde: Float[Tensor, "*batch"]  # angstrom, over pairs of tokens
    resolved: Float[Tensor, "*batch n 24"]  # how likely an experiment shows the atom
    tm_global: Float[Tensor, "*batch n n"]  # expected term of the TM-score of all tokens
    tm_interface: Float[Tensor, "*batch n n"]  # the same with d0 of the tokens of both chains alone
