"""From features to the first alignment and pair representations, and what the previous pass adds to them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.batch import ExtraMSA, Residues
from foldwright.models.af2.config import AF2, Recycling
from foldwright.nn.distance_bins import distance_bins
from foldwright.nn.linear import LayerNorm, Linear
from foldwright.nn.relative_position import ChainRelativePosition, RelativePosition

C_MSA_FEAT = 49  # AF2 Suppl. Table 1
NUM_MSA_CLASSES = 23  # 20 residues, unknown, gap, masked
C_EXTRA_MSA_FEAT = NUM_MSA_CLASSES + 2  # AF2 Suppl. 1.2.9, Table 1: and two channels of deletions


class InputEmbedder(nn.Module):
    """The alignment with the query added to every row, and each pair as the sum of its ends and their distance.

    AF2 Suppl. Alg. 3 "InputEmbedder".
    """

    def __init__(self, c_target: int, c_m: int, c_z: int):
        super().__init__()
        self.left = Linear(c_target, c_z)
        self.right = Linear(c_target, c_z)
        self.relative_position = self.make_relative_position(c_z)
        self.msa = Linear(C_MSA_FEAT, c_m)
        self.target = Linear(c_target, c_m)

    def forward(
        self,
        target_feat: Float[Tensor, "*batch n c_target"],
        msa_feat: Float[Tensor, "*batch s n 49"],
        residues: Residues,
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        a, b = self.left(target_feat), self.right(target_feat)
        z = a[..., :, None, :] + b[..., None, :, :]
        z = z + self.relative(residues)
        m = self.msa(msa_feat) + self.target(target_feat)[..., None, :, :]
        return m, z

    def make_relative_position(self, c_z: int) -> nn.Module:
        """The layer behind `relative`."""
        return RelativePosition(c_z)

    def relative(self, residues: Residues) -> Float[Tensor, "*batch n n c_z"]:
        """Line 3: where two residues stand to each other in the sequence."""
        return self.relative_position(residues.residue_index)


class MultimerInputEmbedder(InputEmbedder):
    """The same with chains told apart (AF-Multimer, relative encoding)."""

    def make_relative_position(self, c_z: int) -> nn.Module:
        """The layer behind `relative`."""
        return ChainRelativePosition(c_z)

    def relative(self, residues: Residues) -> Float[Tensor, "*batch n n c_z"]:
        """Line 3: position within a chain, whether two chains are copies, and which."""
        r = residues
        return self.relative_position(r.residue_index, r.asym_id, r.entity_id, r.sym_id)


def input_embedder(config: AF2) -> InputEmbedder:
    """The embedder for one chain or for several."""
    embedder = MultimerInputEmbedder if config.is_multimer else InputEmbedder
    return embedder(config.c_target, config.trunk.c_m, config.trunk.c_z)


class ExtraMSAEmbedder(nn.Module):
    """The rows that became no cluster centre.

    AF2 Suppl. 1.7.2: one linear map of the features of Table 1 `extra_msa_feat`.
    """

    def __init__(self, c_e: int):
        super().__init__()
        self.out = Linear(C_EXTRA_MSA_FEAT, c_e)

    def forward(self, extra: ExtraMSA) -> Float[Tensor, "*batch s n c_e"]:
        letters = nn.functional.one_hot(extra.aatype.long(), NUM_MSA_CLASSES)
        deletions = torch.stack([extra.has_deletion, extra.deletion_value], dim=-1)
        return self.out(torch.cat([letters, deletions], dim=-1).to(self.out.weight.dtype))


class RecyclingEmbedder(nn.Module):
    """What the previous pass found: its first row, its pairs, and the distances of its structure.

    AF2 Suppl. Alg. 32 "RecyclingEmbedder"; the first pass recycles zeros.
    """

    def __init__(self, config: Recycling, c_m: int, c_z: int):
        super().__init__()
        self.edges = (config.first_edge, config.last_edge, config.num_distance_bins)
        self.distance = Linear(config.num_distance_bins, c_z)
        self.pair_norm = LayerNorm(c_z)
        self.msa_norm = LayerNorm(c_m)

    def forward(
        self,
        m_first: Float[Tensor, "*batch n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        pseudo_beta: Float[Tensor, "*batch n 3"],
    ) -> tuple[Float[Tensor, "*batch n c_m"], Float[Tensor, "*batch n n c_z"]]:
        d = self.distance(distance_bins(pseudo_beta, *self.edges).to(z.dtype))
        return self.msa_norm(m_first), self.pair_norm(z) + d
