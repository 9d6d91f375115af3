"""How far apart two residues stand in their chains, as a first guess of every pair."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from foldwright.nn.linear import Linear


def one_hot(x: Float[Tensor, "*shape"], bins: Float[Tensor, " b"]) -> Float[Tensor, "*shape b"]:
    """One at the bin whose centre is nearest.

    AF2 Suppl. Alg. 5 "one_hot"; AF3 SI Alg. 4 "one_hot".
    """
    nearest = (x[..., None] - bins).abs().argmin(-1)
    return torch.nn.functional.one_hot(nearest, len(bins)).to(bins.dtype)


class RelativePosition(nn.Module):
    """The signed distance of two residues along the sequence, clipped.

    AF2 Suppl. Alg. 4 "relpos".
    """

    def __init__(self, c_z: int, max_distance: int = 32):  # v_bins = -32..32, AF2 Suppl. 1.5
        super().__init__()
        self.max_distance = max_distance
        self.out = Linear(2 * max_distance + 1, c_z)

    def forward(self, residue_index: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n n c_z"]:
        d = residue_index[..., :, None] - residue_index[..., None, :]
        bins = torch.arange(-self.max_distance, self.max_distance + 1).to(self.out.weight)
        return self.out(one_hot(d.to(bins.dtype), bins))


class ChainRelativePosition(nn.Module):
    """The clipped distance within a chain, whether two chains have one sequence, and which copies they are.

    The relative encoding of AlphaFold-Multimer (Evans et al. 2021).
    """

    def __init__(self, c_z: int, max_distance: int = 32, max_copies: int = 2):
        super().__init__()
        self.max_distance = max_distance
        self.max_copies = max_copies
        # One class more than the clipped range holds: "another chain" and "another entity".
        self.out = Linear((2 * max_distance + 2) + 1 + (2 * max_copies + 2), c_z)

    def forward(
        self,
        residue_index: Int[Tensor, "*batch n"],
        asym_id: Int[Tensor, "*batch n"],
        entity_id: Int[Tensor, "*batch n"],
        sym_id: Int[Tensor, "*batch n"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        is_same_chain = _pairs_equal(asym_id)
        is_same_entity = _pairs_equal(entity_id)
        distance = _clipped_difference(residue_index, self.max_distance, is_same_chain)
        copies = _clipped_difference(sym_id, self.max_copies, is_same_entity)
        features = torch.cat([distance, is_same_entity[..., None], copies], dim=-1)
        return self.out(features.to(self.out.weight.dtype))


class TokenRelativePosition(nn.Module):
    """Where two tokens stand to each other: residues of a chain, tokens of a residue, copies of an entity.

    AF3 SI Alg. 3 "RelativePositionEncoding".
    """

    def __init__(self, c_z: int, max_distance: int = 32, max_copies: int = 2):  # r_max, s_max: AF3 SI Alg. 3
        super().__init__()
        self.max_distance = max_distance
        self.max_copies = max_copies
        self.out = Linear(num_token_relations(max_distance, max_copies), c_z, bias=False)

    def forward(
        self,
        residue_index: Int[Tensor, "*batch n"],
        token_index: Int[Tensor, "*batch n"],
        asym_id: Int[Tensor, "*batch n"],
        entity_id: Int[Tensor, "*batch n"],
        sym_id: Int[Tensor, "*batch n"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        return self.rows(residue_index, token_index, asym_id, entity_id, sym_id, some=slice(None))

    def rows(self, *tokens: Int[Tensor, "*batch n"], some: slice) -> Float[Tensor, "*batch i n c_z"]:
        """Seam: rows are independent."""
        features = self.relations(*tokens, some=some)
        return self.out(features.to(self.out.weight.dtype))

    def relations(self, *tokens: Int[Tensor, "*batch n"], some: slice) -> Int[Tensor, "*batch i n c"]:
        """Lines 1-10."""
        return token_relations(*tokens, max_distance=self.max_distance, max_copies=self.max_copies, some=some)


class PaperTokenRelativePosition(TokenRelativePosition):
    """The same for weights that were trained on the paper's form of line 8: the copy counts between different chains,
    of whichever entity, and not within a chain.

    AF3 SI Alg. 3 "RelativePositionEncoding".
    """

    def relations(self, *tokens: Int[Tensor, "*batch n"], some: slice) -> Int[Tensor, "*batch i n c"]:
        """Lines 1-10."""
        return paper_token_relations(*tokens, max_distance=self.max_distance, max_copies=self.max_copies, some=some)


def num_token_relations(max_distance: int = 32, max_copies: int = 2) -> int:
    """Channels of `token_relations`: 139 as published."""
    return 2 * (2 * max_distance + 2) + 1 + (2 * max_copies + 2)


def token_relations(
    residue_index: Int[Tensor, "*batch n"],
    token_index: Int[Tensor, "*batch n"],
    asym_id: Int[Tensor, "*batch n"],
    entity_id: Int[Tensor, "*batch n"],
    sym_id: Int[Tensor, "*batch n"],
    max_distance: int = 32,
    max_copies: int = 2,
    some: slice = slice(None),  # the tokens i of pairs ij
) -> Int[Tensor, "*batch i n c"]:
    """Clipped differences of residues, of tokens and of copies as one-hot classes (AF3 SI Alg. 3 lines 1-10)."""
    is_same_chain = _pairs_equal(asym_id, some)
    is_same_entity = _pairs_equal(entity_id, some)
    is_same_residue = is_same_chain & _pairs_equal(residue_index, some)
    residues = _clipped_difference(residue_index, max_distance, is_same_chain, some)
    tokens = _clipped_difference(token_index, max_distance, is_same_residue, some)
    # DISCREPANCY(AF3 SI Alg. 3 line 8): the paper compares copies of different chains, the released code of one entity.
    copies = _clipped_difference(sym_id, max_copies, is_same_entity, some)
    return torch.cat([residues, tokens, is_same_entity[..., None], copies], dim=-1)


def paper_token_relations(
    residue_index: Int[Tensor, "*batch n"],
    token_index: Int[Tensor, "*batch n"],
    asym_id: Int[Tensor, "*batch n"],
    entity_id: Int[Tensor, "*batch n"],
    sym_id: Int[Tensor, "*batch n"],
    max_distance: int = 32,
    max_copies: int = 2,
    some: slice = slice(None),
) -> Int[Tensor, "*batch i n c"]:
    """The same with the paper's form of line 8."""
    tokens = residue_index, token_index, asym_id, entity_id, sym_id
    released = token_relations(*tokens, max_distance=max_distance, max_copies=max_copies, some=some)
    copies = _clipped_difference(sym_id, max_copies, ~_pairs_equal(asym_id, some), some)
    return torch.cat([released[..., : -copies.shape[-1]], copies], dim=-1)


def _pairs_equal(x: Int[Tensor, "*batch n"], some: slice = slice(None)) -> Bool[Tensor, "*batch i n"]:
    return x[..., some, None] == x[..., None, :]


def _clipped_difference(
    x: Int[Tensor, "*batch n"], limit: int, is_comparable: Bool[Tensor, "*batch i n"], some: slice = slice(None)
) -> Int[Tensor, "*batch i n classes"]:
    d = (x[..., some, None] - x[..., None, :]).clamp(-limit, limit) + limit
    return torch.nn.functional.one_hot(torch.where(is_comparable, d, 2 * limit + 1).long(), 2 * limit + 2)
