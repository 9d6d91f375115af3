"""The layers of AF3's denoiser for inference on a CPU."""

from typing import Any, cast

import torch
from torch import Tensor

from foldwright.features.af3.batch import AtomLayout, Gather
from foldwright.kernels.columns import are_worth_spreading
from foldwright.kernels.cpu_attention import PairLogits
from foldwright.kernels.cpu_tokens import gathered_by_tokens
from foldwright.kernels.fast import Fast, linear_into, over_batch
from foldwright.kernels.spread import spread, team
from foldwright.models.af3.atom_layout import gathered
from foldwright.models.af3.atom_transformer import WindowAttention, WindowCondition
from foldwright.models.af3.diffusion_transformer import (
    BlockConditioning,
    ConditionedAttention,
    DiffusionTransformer,
    DiffusionTransformerBlock,
)
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, Conditioning, Modulation

CONDITIONED = 6  # tensors of a block: two norms' scales and shifts, and two gates


class CPUAdaptiveLayerNorm(Fast, AdaptiveLayerNorm):
    """AF3 SI Alg. 26: scaled and shifted in one go."""

    is_inference_only = True

    def condition(self, s: Tensor) -> Modulation:
        """All that `s` alone decides."""
        if torch.is_grad_enabled():
            return super().condition(s)
        s = self.norm(s)
        return Modulation(self.scale(s).sigmoid_(), self.shift(s))

    def modulate(self, a: Tensor, by: Modulation) -> Tensor:
        """The rest."""
        if torch.is_grad_enabled():
            return super().modulate(a, by)
        return torch.addcmul(by.shift, torch.nn.functional.layer_norm(a, (self.c_a,), eps=self.norm.eps), by.scale)


class CPUConditionedAttention(Fast, ConditionedAttention):
    """AF3 SI Alg. 24 with conditioning, without the matrix of weights."""

    is_inference_only = True

    def conditioned(self, a: Tensor, by: Conditioning, bias: Tensor, mask: Tensor) -> Tensor:
        """All that `a` enters."""
        if torch.is_grad_enabled():
            return super().conditioned(a, by, bias, mask)
        return gathered_by_tokens(self.core, self.norm.modulate(a, by.norm), bias, mask).mul_(by.gate)


class CPUDiffusionTransformer(PairLogits, DiffusionTransformer):
    """AF3 SI Alg. 23: logits are written head by head, and the normalised pairs are never whole."""

    is_inference_only = True

    def forward(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(a, s, biases, mask)
        blocks = cast(list[DiffusionTransformerBlock], list(self.blocks))
        several = max(1, self.piece_bytes // (CONDITIONED * s[..., 0].numel() * a.shape[-1] * s.element_size()))
        with team():
            for start in range(0, len(blocks), several):
                some = blocks[start : start + several]
                for block, by, bias in zip(some, _conditions(some, s), biases[start:], strict=False):
                    a = block.conditioned(a, by, bias, mask)
        return a

    def prepare(self, z: Tensor) -> tuple[Tensor, ...]:
        """What the pairs add to the logits of each block."""
        if torch.is_grad_enabled() or z.dim() > 3:
            return super().prepare(z)
        logits = (self.logits_of_pairs(z, self.pair_norm, project)[0] for project in self.pair_bias)  # type: ignore[arg-type]
        return tuple(bias for several in logits for bias in several.unflatten(0, (self.shared, -1)).unbind(0))


def _conditions(blocks: list[DiffusionTransformerBlock], s: Tensor) -> list[BlockConditioning]:
    """What `s` decides of several blocks: many products that do not wait for each other."""
    parts = [part for block in blocks for part in (block.attention, block.transition)]
    found: list[Any] = [None] * 2 * len(parts)

    def condition(i: int) -> None:
        part = parts[i // 2]
        found[i] = (part.output_gate if i % 2 else part.norm).condition(s)

    gates = (part.output_gate.gate for part in parts)
    spread(condition, range(len(found)), None if are_worth_spreading(*gates) else 1)
    each = [Conditioning(norm, gate) for norm, gate in zip(found[::2], found[1::2], strict=True)]
    return [BlockConditioning(*two) for two in zip(each[::2], each[1::2], strict=True)]


class CPUWindowAttention(Fast, WindowAttention):
    """AF3 SI Alg. 24 within windows, a few of them at a time: gathered keys and weights are never whole."""

    is_inference_only = True

    def forward(self, q: Tensor, by: WindowCondition, bias: Tensor, layout: AtomLayout) -> Tensor:
        if torch.is_grad_enabled() or layout.keys.indices.dim() > 2:
            return super().forward(q, by, bias, layout)
        conditions = (x.expand(q.shape) for x in (*by.query, *by.key, by.gate))
        bias = bias.expand(*q.shape[:-3], *bias.shape[-4:])
        return over_batch(lambda q, *given: self._one(q, layout, *given), 3, q, *conditions, bias)

    def _one(self, q: Tensor, layout: AtomLayout, *given: Tensor) -> Tensor:
        """The update of the windows [s 32 c] of one sample."""
        query_scale, query_shift, key_scale, key_shift, gate, bias = given
        core, (num_windows, num_queries, c) = self.core, q.shape
        k, v, out = (torch.empty_like(q, memory_format=torch.contiguous_format) for _ in range(3))
        assert core.gate is not None
        gates = core.gate

        def project(some: slice) -> None:
            x = self.key_norm.modulate(q[some], Modulation(key_scale[some], key_shift[some])).flatten(0, 1)
            linear_into(k[some].flatten(0, 1), x, core.key)
            linear_into(v[some].flatten(0, 1), x, core.value)

        def attend(some: slice) -> None:
            x = self.query_norm.modulate(q[some], Modulation(query_scale[some], query_shift[some]))
            around = Gather(indices=layout.keys.indices[some], mask=layout.keys.mask[some])
            keys, values = (gathered(y.flatten(0, 1), around) for y in (k, v))
            heads = (core.split(y) for y in (core.query(x), keys, values))
            o = torch.nn.functional.scaled_dot_product_attention(*heads, attn_mask=bias[some])
            o = o.transpose(1, 2).flatten(-2).mul_(gates(x).sigmoid_())
            torch.mul(core.out(o), gate[some], out=out[some])

        self.each_piece(num_windows, 4 * num_queries * c * q.element_size(), project)
        self.each_piece(num_windows, 4 * layout.keys.indices.shape[-1] * c * q.element_size(), attend)
        return out
