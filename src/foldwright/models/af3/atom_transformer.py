"""Attention among atoms that lie close along the sequence: windows of 32 queries and 128 keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.af3.batch import AtomLayout
from foldwright.features.batch import TensorGroup
from foldwright.models.af3.atom_layout import to_keys
from foldwright.models.af3.config import AtomAttention
from foldwright.nn.adaptive_norm import (
    AdaptiveLayerNorm,
    ConditionedTransition,
    Conditioning,
    Modulation,
    OutputGate,
    ScaleLayerNorm,
)
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.residual import ResidualBlock

ONLY_MASKED = 1e9  # the logit of what a masked query sees


@dataclass(frozen=True, kw_only=True)
class AtomWindows(TensorGroup):
    """Everything about the atoms that is the same at every noise level."""

    layout: AtomLayout
    mask: Float[Tensor, "*batch s 32"]
    single: Float[Tensor, "*batch s 32 c_atom"]  # c of Alg. 5
    pair: Float[Tensor, "*batch s 32 128 c_atom_pair"]  # p of Alg. 5


class WindowCondition(NamedTuple):
    """What the conditioning of atoms decides of their attention."""

    query: Modulation
    key: Modulation
    gate: Float[Tensor, "*batch s 32 c_atom"]


class PreparedBlock(NamedTuple):
    """What one block needs besides the atoms it changes: the same at every noise level and for every sample."""

    bias: Float[Tensor, "*batch s h 32 128"]
    attention: WindowCondition
    transition: Conditioning


class WindowAttention(nn.Module):
    """Every atom looks at the atoms around its window; what is known of atoms conditions what goes in and comes out.

    AF3 SI Alg. 24 "AttentionPairBias" with conditioning, as Alg. 7 uses it; the bias holds the mask.
    """

    def __init__(self, c_atom: int, heads: int):
        super().__init__()
        # DISCREPANCY(AF3 SI Alg. 24 line 2): as released an atom is normalised by other parameters when it is a key.
        self.query_norm = AdaptiveLayerNorm(c_atom, c_atom)
        self.key_norm = AdaptiveLayerNorm(c_atom, c_atom)
        self.core = GatedAttention(c_atom, c_atom, c_atom // heads, heads, c_atom, query_bias=True, bias=False)
        self.output_gate = OutputGate(c_atom, c_atom)

    def condition(self, c: Float[Tensor, "*batch s 32 c_atom"]) -> WindowCondition:
        """All that the conditioning alone decides."""
        return WindowCondition(self.query_norm.condition(c), self.key_norm.condition(c), self.output_gate.condition(c))

    def forward(
        self,
        q: Float[Tensor, "*batch s 32 c_atom"],
        by: WindowCondition,
        bias: Float[Tensor, "*#batch s h 32 128"],
        layout: AtomLayout,
    ) -> Float[Tensor, "*batch s 32 c_atom"]:
        x_q, x_k = self.query_norm.modulate(q, by.query), self.key_norm.modulate(q, by.key)
        # Atoms are projected where they are queries, once, and then gathered as keys of four windows.
        k, v = (self.core.split(to_keys(x, layout)) for x in (self.core.key(x_k), self.core.value(x_k)))
        return by.gate * self.windows(x_q, k, v, bias)

    def windows(self, x_q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """Seam: windows are independent once keys and values are gathered."""
        core = self.core
        everything = torch.ones((), dtype=k.dtype, device=k.device).expand(k.shape[-2])
        o = core.attend(core.split(core.query(x_q)), k, v, everything, bias).transpose(-2, -3).flatten(-2)
        assert core.gate is not None
        return core.out(torch.sigmoid(core.gate(x_q)) * o)


class AtomTransformerBlock(ResidualBlock):
    """Attention within windows, then a transition of every atom.

    AF3 SI Alg. 23 "DiffusionTransformer", one iteration, for atoms.
    """

    def __init__(self, config: AtomAttention):
        super().__init__()
        self.attention = WindowAttention(config.c_atom, config.heads)
        self.transition = ConditionedTransition(config.c_atom, config.c_atom, config.transition_factor)

    def prepare(
        self, c: Float[Tensor, "*batch s 32 c_atom"], bias: Float[Tensor, "*batch s h 32 128"]
    ) -> PreparedBlock:
        """Everything that the atoms it changes do not enter."""
        return PreparedBlock(bias, self.attention.condition(c), self.transition.condition(c))

    def forward(
        self, q: Float[Tensor, "*batch s 32 c_atom"], given: PreparedBlock, layout: AtomLayout
    ) -> Float[Tensor, "*batch s 32 c_atom"]:
        q = self.add(q, self.attention(q, given.attention, given.bias, layout))
        return self.add(q, self.transition.conditioned(q, given.transition))


class AtomTransformer(nn.Module):
    """What atoms learn from the atoms around them.

    AF3 SI Alg. 7 "AtomTransformer".
    """

    def __init__(self, config: AtomAttention):
        super().__init__()
        self.heads = config.heads
        self.pair_norm = ScaleLayerNorm(config.c_atom_pair)
        self.pair_bias = Linear(config.c_atom_pair, config.num_blocks * config.heads, bias=False)
        self.blocks = nn.ModuleList(AtomTransformerBlock(config) for _ in range(config.num_blocks))

    def prepare(self, windows: AtomWindows) -> tuple[PreparedBlock, ...]:
        """Logits of pairs and mask, and what conditions each block: the same at every noise level."""
        blocks = (cast(AtomTransformerBlock, block) for block in self.blocks)
        pairs = zip(blocks, self.biases(windows), strict=True)
        return tuple(block.prepare(windows.single, bias) for block, bias in pairs)

    def biases(self, windows: AtomWindows) -> tuple[Float[Tensor, "*batch s h 32 128"], ...]:
        """Seam: what pairs of atoms, and the mask, add to the logits of each block."""
        biases = self.pair_bias(self.pair_norm(windows.pair)).unflatten(-1, (-1, self.heads)).movedim((-2, -1), (0, -3))
        return tuple(self.masked(bias.contiguous(), windows) for bias in biases)

    def masked(self, bias: Tensor, windows: AtomWindows) -> Tensor:
        """The bias where it counts; a subclass may mask by other rules."""
        # DISCREPANCY(AF3 SI Alg. 7 lines 2-3): as released atoms that are there also look at slots without one, which
        # shows where there are fewer than 128 atoms; slots without an atom look only at their like.
        query, key = windows.mask[..., :, None] > 0, to_keys(windows.mask[..., None], windows.layout).mT > 0
        return bias.masked_fill((~query & ~key)[..., None, :, :], ONLY_MASKED)

    def forward(
        self,
        q: Float[Tensor, "*batch s 32 c_atom"],
        given: tuple[PreparedBlock, ...],
        layout: AtomLayout,
    ) -> Float[Tensor, "*batch s 32 c_atom"]:
        for block, of_block in zip(self.blocks, given, strict=True):
            q = block(q, of_block, layout)
        return q


class PaperAtomTransformer(AtomTransformer):
    """The same, looking at atoms that are there alone, for weights that were trained so."""

    def masked(self, bias: Tensor, windows: AtomWindows) -> Tensor:
        key = to_keys(windows.mask[..., None], windows.layout).mT > 0
        return bias.masked_fill(~key[..., None, :, :], -ONLY_MASKED)
