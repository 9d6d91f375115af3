"""What else the network predicts: distances, masked letters, its own errors, which atoms were seen."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.linear import LayerNorm, Linear


class DistogramHead(nn.Module):
    """The distance between C-beta atoms, in bins (AF2 Suppl. 1.9.8, equation 41)."""

    def __init__(self, c_z: int, num_bins: int):
        super().__init__()
        self.out = Linear(c_z, num_bins, init="final")

    def forward(self, z: Float[Tensor, "*batch n n c_z"]) -> Float[Tensor, "*batch n n bins"]:
        half = self.out(z)
        return half + half.transpose(-2, -3)


class MaskedMSAHead(nn.Module):
    """The letters that were hidden in the alignment (AF2 Suppl. 1.9.9)."""

    def __init__(self, c_m: int, num_classes: int):
        super().__init__()
        self.out = Linear(c_m, num_classes, init="final")

    def forward(self, m: Float[Tensor, "*batch s n c_m"]) -> Float[Tensor, "*batch s n classes"]:
        return self.out(m)


class PLDDTHead(nn.Module):
    """The lDDT that each residue's C-alpha will have, in bins.

    AF2 Suppl. Alg. 29 "predictPerResidueLDDT_Ca".
    """

    def __init__(self, c_s: int, c_hidden: int, num_bins: int):
        super().__init__()
        self.norm = LayerNorm(c_s)
        self.first = Linear(c_s, c_hidden, init="relu")
        self.second = Linear(c_hidden, c_hidden, init="relu")
        self.out = Linear(c_hidden, num_bins, init="final")

    def forward(self, s: Float[Tensor, "*batch n c_s"]) -> Float[Tensor, "*batch n bins"]:
        a = torch.relu(self.first(self.norm(s)))
        return self.out(torch.relu(self.second(a)))


class ExperimentallyResolvedHead(nn.Module):
    """Which of the 37 atoms an experiment would show (AF2 Suppl. 1.9.10)."""

    def __init__(self, c_s: int):
        super().__init__()
        self.out = Linear(c_s, 37, init="final")

    def forward(self, s: Float[Tensor, "*batch n c_s"]) -> Float[Tensor, "*batch n 37"]:
        return self.out(s)


class PAEHead(nn.Module):
    """How far residue j is from its true place once the frame of residue i is laid over (AF2 Suppl. 1.9.7)."""

    def __init__(self, c_z: int, num_bins: int):
        super().__init__()
        self.out = Linear(c_z, num_bins, init="final")

    def forward(self, z: Float[Tensor, "*batch n n c_z"]) -> Float[Tensor, "*batch n n bins"]:
        return self.out(z)


def distogram_edges(num_bins: int = 64) -> Float[Tensor, " edges"]:
    """Upper edges of all bins but the last, which is open; angstrom.

    DISCREPANCY(AF2 Suppl. 1.9.8): the paper says 2 to 22; the released edges run from 2 5/16 to 21 11/16.
    """
    return torch.linspace(2.3125, 21.6875, num_bins - 1, dtype=torch.float64)
