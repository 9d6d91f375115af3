"""The head that looks at a finished structure and says where it is wrong."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.af3.batch import ATOMS_PER_TOKEN, AF3Batch
from foldwright.models.af3.config import AF3
from foldwright.models.af3.outputs import ConfidenceLogits
from foldwright.models.af3.pairformer import PairBlock, PairformerStack
from foldwright.nn.distance_bins import distance_bins
from foldwright.nn.linear import LayerNorm, Linear

NUM_RESOLVED_CLASSES = 2  # seen in the experiment, or not


class ConfidenceHead(nn.Module):
    """Errors expected of one structure, in bins: of each atom, of each pair of tokens, of each aligned frame.

    AF3 SI Alg. 31 "ConfidenceHead".
    """

    def __init__(self, config: AF3, pair_block: type[PairBlock] = PairBlock):
        super().__init__()
        heads, c_s, c_z = config.heads, config.c_s, config.c_z
        self.edges = (heads.first_distance_edge, heads.last_distance_edge, heads.num_distance_bins)
        self.column = Linear(config.c_target, c_z, bias=False)
        self.row = Linear(config.c_target, c_z, bias=False)
        self.distance = Linear(heads.num_distance_bins, c_z, bias=False)
        self.pairformer = PairformerStack(config.confidence, pair_block)
        self.pae = NormedLogits(c_z, heads.num_pae_bins)
        self.pde = NormedLogits(c_z, heads.num_pde_bins)
        self.plddt = AtomLogits(c_s, heads.num_plddt_bins)
        self.resolved = AtomLogits(c_s, NUM_RESOLVED_CLASSES)

    def forward(
        self,
        batch: AF3Batch,
        target_feat: Float[Tensor, "*batch n c_target"],
        single: Float[Tensor, "*batch n c_s"],
        pair: Float[Tensor, "*batch n n c_z"],
        positions: Float[Tensor, "*batch n 24 3"],
    ) -> ConfidenceLogits:
        mask = batch.tokens.mask.to(pair.dtype)
        pair_mask = mask[..., :, None] * mask[..., None, :]
        # DISCREPANCY(AF3 SI Alg. 31 line 1): the paper adds s_i and s_j alike; the released names left and right are
        # swapped, so that "left" weights belong to the column.
        z = pair + self.column(target_feat)[..., None, :, :] + self.row(target_feat)[..., :, None, :]
        beta = representative_atoms(batch, positions)
        z = z + self.distance((distance_bins(beta, *self.edges) * pair_mask[..., None]).to(z.dtype))
        s, z = self.pairformer(single, z, mask, pair_mask)
        half = self.pde(z)
        return ConfidenceLogits(
            plddt=self.plddt(s),
            pae=self.pae(z),
            pde=half + half.transpose(-2, -3),
            resolved=self.resolved(s),
        )


class NormedLogits(nn.Module):
    """Bins of a pair.

    DISCREPANCY(AF3 SI Alg. 31 lines 5-6): the released code normalises before every projection to bins.
    """

    def __init__(self, c: int, num_bins: int):
        super().__init__()
        self.norm = LayerNorm(c)
        self.out = Linear(c, num_bins, bias=False, init="final")

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch bins"]:
        return self.out(self.norm(x))


class AtomLogits(NormedLogits):
    """Bins of each atom slot of a token (AF3 SI Alg. 31 lines 7-8)."""

    def __init__(self, c: int, num_bins: int):
        super().__init__(c, ATOMS_PER_TOKEN * num_bins)

    def forward(self, x: Float[Tensor, "*batch c"]) -> Float[Tensor, "*batch 24 bins"]:
        return super().forward(x).unflatten(-1, (ATOMS_PER_TOKEN, -1))


def representative_atoms(batch: AF3Batch, positions: Float[Tensor, "*batch n 24 3"]) -> Float[Tensor, "*batch n 3"]:
    """The atom that stands for each token (AF3 SI 4.4: C-beta, C4 or C2 of a base, itself); 0 on padding."""
    gather = batch.layout.pseudo_beta
    atoms = positions.flatten(-3, -2)
    found = torch.take_along_dim(atoms, gather.indices[..., None], dim=-2)
    return found * gather.mask[..., None]
