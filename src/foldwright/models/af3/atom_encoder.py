"""From atoms to tokens, and back."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu

from foldwright.features.af3.batch import AF3Batch, AtomLayout, ReferenceAtoms
from foldwright.models.af3.atom_layout import (
    gathered,
    pairs_to_windows,
    to_keys,
    to_queries,
    to_tokens,
    tokens_to_queries,
    trimmed,
)
from foldwright.models.af3.atom_transformer import AtomTransformer, AtomWindows, PreparedBlock
from foldwright.models.af3.config import AtomAttention
from foldwright.nn.adaptive_norm import ScaleLayerNorm
from foldwright.nn.linear import Linear

NUM_ELEMENTS = 128  # AF3 SI Table 5, ref_element
NUM_CHARACTERS = 64  # AF3 SI Table 5, ref_atom_name_chars


class ReferenceEmbedder(nn.Module):
    """What is known of every atom before anything is predicted: element, charge, name, place in a conformer.

    AF3 SI Alg. 5 "AtomAttentionEncoder" line 1.
    """

    def __init__(self, c_atom: int):
        super().__init__()
        self.position = Linear(3, c_atom, bias=False)
        self.mask = Linear(1, c_atom, bias=False)
        self.element = Linear(NUM_ELEMENTS, c_atom, bias=False)
        self.charge = Linear(1, c_atom, bias=False)
        self.name = Linear(4 * NUM_CHARACTERS, c_atom, bias=False)

    def forward(self, reference: ReferenceAtoms) -> Float[Tensor, "*batch n 24 c_atom"]:
        mask = reference.mask.to(self.mask.weight.dtype)[..., None]
        name = one_hot(reference.name_chars, NUM_CHARACTERS).flatten(-2).to(mask)
        element = one_hot(reference.element, NUM_ELEMENTS).to(mask)
        c = self.position(reference.positions.to(mask)) + self.mask(mask) + self.element(element)
        c = c + self.charge(torch.arcsinh(reference.charge.to(mask))[..., None]) + self.name(name)
        return c * mask


class AtomPairEmbedder(nn.Module):
    """How a query and a key stand in their conformer, if they share one, and what they are.

    AF3 SI Alg. 5 "AtomAttentionEncoder" lines 2-6, 13, 14.
    """

    def __init__(self, c_atom: int, c_pair: int):
        super().__init__()
        self.offset = Linear(3, c_pair, bias=False)
        self.distance = Linear(1, c_pair, bias=False)
        self.is_valid = Linear(1, c_pair, bias=False)
        self.query = Linear(c_atom, c_pair, bias=False)
        self.key = Linear(c_atom, c_pair, bias=False)
        self.hidden_1 = Linear(c_pair, c_pair, bias=False, init="relu")
        self.hidden_2 = Linear(c_pair, c_pair, bias=False, init="relu")
        self.hidden_3 = Linear(c_pair, c_pair, bias=False, init="final")

    def forward(
        self, c: Float[Tensor, "*batch s 32 c_atom"], reference: ReferenceAtoms, layout: AtomLayout
    ) -> Float[Tensor, "*batch s 32 128 c_pair"]:
        d = self.offsets(reference.positions.to(c), layout)
        valid = self.shared_conformer(reference, layout)[..., None].to(c)
        p = self.query(relu(c))[..., :, None, :] + to_keys(self.key(relu(c)), layout)[..., None, :, :]
        p = p + self.offset(d) * valid
        p = p + self.distance(1 / (1 + d.square().sum(-1, keepdim=True))) * valid
        return p + self.is_valid(valid)

    def mix(self, p: Float[Tensor, "*batch s 32 128 c_pair"]) -> Float[Tensor, "*batch s 32 128 c_pair"]:
        """AF3 SI Alg. 5 line 14."""
        return p + self.hidden_3(relu(self.hidden_2(relu(self.hidden_1(relu(p))))))

    def offsets(
        self, positions: Float[Tensor, "*batch n 24 3"], layout: AtomLayout
    ) -> Float[Tensor, "*batch s 32 128 3"]:
        """From every key to its query."""
        queries = to_queries(positions, layout)
        return queries[..., :, None, :] - to_keys(queries, layout)[..., None, :, :]

    def shared_conformer(self, reference: ReferenceAtoms, layout: AtomLayout) -> Bool[Tensor, "*batch s 32 128"]:
        """Whether a query and a key belong to one conformer."""
        of_query = to_queries(reference.space_uid[..., None], layout).squeeze(-1)
        # DISCREPANCY(AF3 SI Alg. 5 line 3): as released the keys' conformers are read from the slots of the tokens by
        # places that count in windows, so that most of the pairs it names are others.
        of_key = gathered(reference.space_uid.flatten(-2)[..., None], layout.keys).squeeze(-1)
        return of_query[..., :, None] == of_key[..., None, :]


class PaperAtomPairEmbedder(AtomPairEmbedder):
    """The same with the pairs that do share a conformer, for weights that were trained so."""

    def shared_conformer(self, reference: ReferenceAtoms, layout: AtomLayout) -> Bool[Tensor, "*batch s 32 128"]:
        of_query = to_queries(reference.space_uid[..., None], layout)
        of_key = to_keys(of_query, layout)
        return of_query == of_key.mT


class AtomAttentionEncoder(nn.Module):
    """Atoms look around, and each token takes the mean of its own: the form without trunk and positions.

    AF3 SI Alg. 5 "AtomAttentionEncoder" lines 1-7, 13-18.
    """

    def __init__(
        self,
        config: AtomAttention,
        c_token: int,
        pair_embedder: type[AtomPairEmbedder] = AtomPairEmbedder,
        transformer: type[AtomTransformer] = AtomTransformer,
    ):
        super().__init__()
        self.reference = ReferenceEmbedder(config.c_atom)
        self.pair = pair_embedder(config.c_atom, config.c_atom_pair)
        self.transformer = transformer(config)
        self.out = Linear(config.c_atom, c_token, bias=False, init="relu")

    def forward(self, batch: AF3Batch) -> Float[Tensor, "*batch n c_token"]:
        windows = self.prepare(batch)
        q = self.attend(windows.single, windows, self.transformer.prepare(windows))
        return self.aggregate(q, windows.layout, batch.atom_mask)

    def prepare(self, batch: AF3Batch) -> AtomWindows:
        """Atoms and pairs of atoms by what is known of them."""
        layout = trimmed(batch.layout, batch.atom_mask)
        c = to_queries(self.reference(batch.reference), layout)
        p = self.pair.mix(self.pair(c, batch.reference, layout))
        return AtomWindows(layout=layout, mask=window_mask(batch, layout, c), single=c, pair=p)

    def attend(
        self, q: Float[Tensor, "*batch s 32 c_atom"], windows: AtomWindows, given: tuple[PreparedBlock, ...]
    ) -> Float[Tensor, "*batch s 32 c_atom"]:
        """AF3 SI Alg. 5 line 15."""
        return self.transformer(q, given, windows.layout) * windows.mask[..., None]

    def aggregate(
        self, q: Float[Tensor, "*batch s 32 c_atom"], layout: AtomLayout, atom_mask: Float[Tensor, "*#batch n 24"]
    ) -> Float[Tensor, "*batch n c_token"]:
        """The mean over the atoms of each token (AF3 SI Alg. 5 line 16)."""
        atoms, mask = relu(to_tokens(self.out(q), layout)), atom_mask.to(q)[..., None]
        return (atoms * mask).sum(-2) / (mask.sum(-2) + 1e-10)


class DiffusionAtomEncoder(AtomAttentionEncoder):
    """Noisy atoms look around, knowing what the trunk says of their tokens, and each token takes the mean of its own.

    AF3 SI Alg. 5 "AtomAttentionEncoder".
    """

    def __init__(
        self,
        config: AtomAttention,
        c_token: int,
        c_s: int,
        c_z: int,
        pair_embedder: type[AtomPairEmbedder] = AtomPairEmbedder,
        transformer: type[AtomTransformer] = AtomTransformer,
    ):
        super().__init__(config, c_token, pair_embedder, transformer)
        self.single_norm = ScaleLayerNorm(c_s)
        self.single = Linear(c_s, config.c_atom, bias=False)
        self.pair_norm = ScaleLayerNorm(c_z)
        self.trunk_pair = Linear(c_z, config.c_atom_pair, bias=False)
        self.position = Linear(3, config.c_atom, bias=False)

    def condition(
        self, s: Float[Tensor, "*batch n c_s"], z: Float[Tensor, "*batch n n c_z"], batch: AF3Batch
    ) -> AtomWindows:
        """Atoms by what is known of them and of their tokens (AF3 SI Alg. 5 lines 1-6, 9, 10, 13, 14)."""
        layout = trimmed(batch.layout, batch.atom_mask)
        c = to_queries(self.reference(batch.reference), layout)
        c = c + tokens_to_queries(self.single(self.single_norm(s)), layout)
        p = self.pair(c, batch.reference, layout)
        p = self.pair.mix(p + pairs_to_windows(self.trunk_pair(self.pair_norm(z)), layout))
        return AtomWindows(layout=layout, mask=window_mask(batch, layout, c), single=c, pair=p)

    def place(self, r: Float[Tensor, "*batch n 24 3"], windows: AtomWindows) -> Float[Tensor, "*batch s 32 c_atom"]:
        """What atoms are, and where they are said to be."""
        # DISCREPANCY(AF3 SI Alg. 5 lines 7-11): the paper starts from the atoms without what the trunk says of them.
        return windows.single + self.position(to_queries(r, windows.layout)) * windows.mask[..., None]


class AtomAttentionDecoder(nn.Module):
    """From tokens back to atoms: what each one knows, and where it should move.

    AF3 SI Alg. 6 "AtomAttentionDecoder".
    """

    def __init__(self, config: AtomAttention, c_token: int, transformer: type[AtomTransformer] = AtomTransformer):
        super().__init__()
        self.token = Linear(c_token, config.c_atom, bias=False)
        self.transformer = transformer(config)
        self.norm = ScaleLayerNorm(config.c_atom)
        self.out = Linear(config.c_atom, 3, bias=False, init="final")

    def forward(
        self,
        a: Float[Tensor, "*batch n c_token"],
        q_skip: Float[Tensor, "*batch s 32 c_atom"],
        windows: AtomWindows,
        given: tuple[PreparedBlock, ...],
    ) -> Float[Tensor, "*batch n 24 3"]:
        mask = windows.mask[..., None]
        q = (tokens_to_queries(self.token(a), windows.layout) + q_skip) * mask
        q = self.transformer(q, given, windows.layout) * mask
        return to_tokens(self.out(self.norm(q)), windows.layout)


def window_mask(batch: AF3Batch, layout: AtomLayout, like: Tensor) -> Float[Tensor, "*batch s 32"]:
    """One where a window's slot holds an atom."""
    return to_queries(batch.atom_mask[..., None], layout).squeeze(-1).to(like)
