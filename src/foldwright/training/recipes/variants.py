"""Networks that differ from AlphaFold 2 in one part: built whole, then a part is exchanged for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.embed import RecyclingEmbedder
from foldwright.models.af2.model import AlphaFold
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.triangle import TriangleAttentionEndingNode, TriangleAttentionStartingNode, TriangleMultiplication
from foldwright.training.recipes.frequencies import NUM_PAIRS_OF_LETTERS, FrequencyTrunk
from foldwright.training.recipes.projection import DirectProjection

WHOLE = "alphafold"


def build(variant: str, config: AF2) -> AlphaFold:
    """The network with every change that the variant names, joined by plus signs: `no_ipa+no_recycling`.

    Raises:
        InputError: an unknown name; the message lists the known ones.
    """
    named = {name: change_named(name) for name in variant.split("+") if name != WHOLE}
    changes = [change for name, change in CHANGES.items() if name in named]
    model = AlphaFold(config)
    for change in changes:
        change(model)
    return model


def change_named(name: str) -> Callable[[AlphaFold], None]:
    """What is exchanged under this name.

    Raises:
        InputError: an unknown name; the message lists the known ones.
    """
    if name not in CHANGES:
        known = ", ".join([WHOLE, *CHANGES])
        raise InputError(f'unknown variant "{name}".', field="variant", remedy=f"Known variants: {known}.")
    return CHANGES[name]


def no_recycling(model: AlphaFold) -> None:
    """Nothing is handed from one pass to the next, not even the biases with which zeros were embedded."""
    exchange(model, RecyclingEmbedder, lambda _: NothingRecycled())


def no_ipa(model: AlphaFold) -> None:
    """Frames are projected from the single representation; pairs reach the structure only through the trunk."""
    config = model.config
    setattr(model, "structure_module", DirectProjection(config.structure, config.trunk.c_s))  # noqa: B010 another type


def no_triangles(model: AlphaFold) -> None:
    """Plain attention along rows and columns: no third edge, no bias from the pairs, no gates."""
    exchange(model, TriangleMultiplication, lambda _: NothingAdded())
    exchange(model, TriangleAttentionStartingNode, lambda layer: become(layer, AxialRowAttention, without="bias"))
    exchange(model, TriangleAttentionEndingNode, lambda layer: become(layer, AxialColumnAttention, without="bias"))
    exchange(model, MSARowAttentionWithPairBias, lambda layer: become(layer, MSARowAttention, without="bias pair_norm"))
    exchange(model, MSAColumnGlobalAttention, lambda layer: become(layer, UngatedGlobalAttention, without="gate"))
    for core in (layer for layer in model.modules() if isinstance(layer, GatedAttention)):
        core.gate = None


def no_raw_msa(model: AlphaFold) -> None:
    """The network sees how often letters meet in the alignment, and of its rows only the query."""
    model.trunk.pair_frequencies = Linear(NUM_PAIRS_OF_LETTERS, model.config.trunk.c_z)
    become(model.trunk, FrequencyTrunk)


def no_structure_gradients(model: AlphaFold) -> None:
    """What the structure module is taught stays in it: the trunk learns from the other heads alone."""
    model.structure_module.register_forward_pre_hook(_cut_from_gradient)


# In this order where several are named: a hook belongs to the module that is there when it is set.
CHANGES: dict[str, Callable[[AlphaFold], None]] = {
    f.__name__: f for f in (no_recycling, no_ipa, no_triangles, no_raw_msa, no_structure_gradients)
}

VARIANTS: dict[str, Callable[[AF2], AlphaFold]] = {
    name: (lambda config, name=name: build(name, config)) for name in (WHOLE, *CHANGES)
}


def exchange(model: nn.Module, kind: type[nn.Module], make: Callable[[Any], nn.Module]) -> None:
    """Put what `make` returns for it in the place of every layer of this kind."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, kind):
                setattr(parent, name, make(layer))


def become(layer: nn.Module, kind: type[nn.Module], without: str = "") -> nn.Module:
    """The same layer with another class, and without the parts that this class has no use for."""
    layer.__class__ = kind
    for name in without.split():
        delattr(layer, name)
    return layer


class NothingRecycled(nn.Module):
    """In place of the layer of AF2 Suppl. Alg. 32: adds zero."""

    def forward(
        self,
        m_first: Float[Tensor, "*batch n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        pseudo_beta: Float[Tensor, "*batch n 3"],
    ) -> tuple[Float[Tensor, "*batch n c_m"], Float[Tensor, "*batch n n c_z"]]:
        return torch.zeros_like(m_first), torch.zeros_like(z)


class NothingAdded(nn.Module):
    """In place of a layer of the pair block: adds zero."""

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        return torch.zeros_like(z)


class AxialRowAttention(TriangleAttentionStartingNode):
    """Attention around the starting node that does not see the third edge: what is left is axial attention."""

    def around_nodes(self, z: Tensor, mask: Tensor) -> Tensor:
        """Without the bias of the edge jk."""
        z = self.norm(z)
        return self.core(z, z, mask)


class AxialColumnAttention(TriangleAttentionEndingNode):
    """Attention around the ending node that does not see the third edge."""

    def around_nodes(self, z: Tensor, mask: Tensor) -> Tensor:
        """Without the bias of the edge ki."""
        z = self.norm(z)
        return self.core(z, z, mask)


class MSARowAttention(MSARowAttentionWithPairBias):
    """Residues of one sequence look at each other, and the pairs do not guide them."""

    def forward(
        self,
        m: Float[Tensor, "*batch s n c_m"],
        z: Float[Tensor, "*batch n n c_z"],
        mask: Float[Tensor, "*batch s n"],
    ) -> Float[Tensor, "*batch s n c_m"]:
        m = self.norm(m)
        return self.core(m, m, mask)


class UngatedGlobalAttention(MSAColumnGlobalAttention):
    """Global column attention whose rows all receive the same."""

    def columns(self, m: Tensor, mask: Tensor) -> Tensor:
        """Without the gate."""
        normed = self.norm(m)
        mean = (normed * mask[..., None]).sum(-2) / (mask.sum(-1)[..., None] + 1e-10)
        q = self.query(mean).unflatten(-1, (self.heads, -1))
        o = self.attend(q, self.key(normed), self.value(normed), mask)
        return self.out(o.flatten(-2))[..., None, :].expand_as(m)


def _cut_from_gradient(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.detach() for x in inputs)
