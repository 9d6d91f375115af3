"""How far apart tokens are, as the trunk sees it: distances between representative atoms, in bins."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.models.af3.config import Heads
from foldwright.nn.linear import Linear

CONTACT = 8.001  # angstrom: tokens whose representative atoms are within 8 touch (AF3 SI 5.7), and rounding is forgiven


class DistogramHead(nn.Module):
    """The distance between the representative atoms of two tokens, in bins (AF3 SI 4.4)."""

    def __init__(self, c_z: int, num_bins: int):
        super().__init__()
        self.out = Linear(c_z, num_bins, bias=False, init="final")

    def forward(self, z: Float[Tensor, "*batch n n c_z"]) -> Float[Tensor, "*batch n n bins"]:
        half = self.out(z)
        return half + half.transpose(-2, -3)


def distogram_edges(heads: Heads) -> Float[Tensor, " edges"]:
    """Upper edges of all bins but the last, which is open; angstrom."""
    edges = heads.first_distogram_edge, heads.last_distogram_edge
    return torch.linspace(*edges, heads.num_distogram_bins - 1, dtype=torch.float64)


def contact_probabilities(
    logits: Float[Tensor, "*batch n n bins"], edges: Float[Tensor, " edges"], mask: Float[Tensor, "*batch n"]
) -> Float[Tensor, "*batch n n"]:
    """How likely two tokens touch: the probability of all bins that end within 8 angstrom; zero on padding.

    AF3 SI 5.7.
    """
    num_bins = int((edges <= CONTACT).sum())
    likely = logits.softmax(-1)[..., :num_bins].sum(-1)
    return likely * mask[..., :, None] * mask[..., None, :]
