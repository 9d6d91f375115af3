"""From input features to the first single and pair representations, and what the previous pass adds to them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from foldwright.features.af3.batch import AF3MSA, NUM_RESIDUE_TYPES, AF3Batch, Bonds, Gather, Tokens
from foldwright.models.af3.atom_encoder import AtomAttentionEncoder, AtomPairEmbedder
from foldwright.models.af3.atom_transformer import AtomTransformer
from foldwright.models.af3.config import AF3
from foldwright.nn.linear import LayerNorm, Linear
from foldwright.nn.relative_position import TokenRelativePosition


class InputFeatureEmbedder(nn.Module):
    """Everything known of a token by itself: its type, its column of the alignment, its atoms.

    AF3 SI Alg. 2 "InputFeatureEmbedder".
    """

    def __init__(
        self,
        config: AF3,
        pair_embedder: type[AtomPairEmbedder] = AtomPairEmbedder,
        transformer: type[AtomTransformer] = AtomTransformer,
    ):
        super().__init__()
        self.atom_encoder = AtomAttentionEncoder(config.atoms, config.c_s, pair_embedder, transformer)

    def forward(self, batch: AF3Batch) -> Float[Tensor, "*batch n c_target"]:
        # DISCREPANCY(AF3 SI Alg. 2 line 2): what the atoms say comes last in the released code.
        atoms = self.atom_encoder(batch)
        return torch.cat([sequence_features(batch.tokens, batch.msa).to(atoms), atoms], dim=-1)


class InputEmbedder(nn.Module):
    """Single tokens and pairs from the input features, relative positions and bonds.

    AF3 SI Alg. 1 "MainInferenceLoop" lines 2-5.
    """

    def __init__(
        self, c_target: int, c_s: int, c_z: int, relative_position: type[TokenRelativePosition] = TokenRelativePosition
    ):
        super().__init__()
        self.single = Linear(c_target, c_s, bias=False)
        self.left = Linear(c_target, c_z, bias=False)
        self.right = Linear(c_target, c_z, bias=False)
        self.relative_position = relative_position(c_z)
        self.bond = Linear(1, c_z, bias=False)

    def forward(
        self, target_feat: Float[Tensor, "*batch n c_target"], tokens: Tokens, bonds: Bonds
    ) -> tuple[Float[Tensor, "*batch n c_s"], Float[Tensor, "*batch n n c_z"]]:
        a, b = self.left(target_feat), self.right(target_feat)
        z = a[..., :, None, :] + b[..., None, :, :]
        z = z + self.relative_position(
            tokens.residue_index, tokens.token_index, tokens.asym_id, tokens.entity_id, tokens.sym_id
        )
        z = z + self.bond(bonded(bonds, tokens.mask.shape[-1]).to(z.dtype)[..., None])
        return self.single(target_feat), z


class RecyclingEmbedder(nn.Module):
    """What the previous pass found. The first pass recycles zeros, of which the norms make their offsets.

    AF3 SI Alg. 1 "MainInferenceLoop" lines 8 and 11.
    """

    def __init__(self, c_s: int, c_z: int):
        super().__init__()
        self.single_norm = LayerNorm(c_s)
        self.single = Linear(c_s, c_s, bias=False)
        self.pair_norm = LayerNorm(c_z)
        self.pair = Linear(c_z, c_z, bias=False)

    def forward(
        self, s: Float[Tensor, "*batch n c_s"], z: Float[Tensor, "*batch n n c_z"]
    ) -> tuple[Float[Tensor, "*batch n c_s"], Float[Tensor, "*batch n n c_z"]]:
        return self.single(self.single_norm(s)), self.pair(self.pair_norm(z))


def sequence_features(tokens: Tokens, msa: AF3MSA) -> Float[Tensor, "*batch n 63"]:
    """Residue type, profile of the alignment and mean number of deletions (AF3 SI Alg. 2 line 2, Table 5)."""
    aatype = one_hot(tokens.aatype.long(), NUM_RESIDUE_TYPES).to(msa.profile.dtype)
    return torch.cat([aatype, msa.profile, msa.deletion_mean[..., None]], dim=-1)


def bonded(bonds: Bonds, num_tokens: int) -> Float[Tensor, "*batch n n"]:
    """One where a bond between two tokens is listed, in the direction in which it is listed."""
    # DISCREPANCY(AF3 SI Table 5 token_bonds): the paper's matrix is symmetric.
    found = _listed(bonds.polymer_ligand, num_tokens) + _listed(bonds.ligand_ligand, num_tokens)
    # DISCREPANCY(AF3 SI Alg. 1 line 5): padding of the list names the first token twice, so that it has no bond here.
    found[..., 0] = 0
    return found.clamp(max=1).unflatten(-1, (num_tokens, num_tokens))


def _listed(pairs: Gather, num_tokens: int) -> Float[Tensor, "*batch nn"]:
    i, j = (pairs.indices * pairs.mask).unbind(-1)
    flat = i * num_tokens + j
    zeros = torch.zeros(*flat.shape[:-1], num_tokens**2, device=flat.device)
    return zeros.scatter_add_(-1, flat, torch.ones_like(flat, dtype=zeros.dtype))
