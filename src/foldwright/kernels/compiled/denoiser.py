"""The transformer of AF3's denoiser, compiled: its 0.8 GB of weights are read once a step, where they lie."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.columns import ranges
from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.compiled.panels import over_panels
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    ROWS,
    addresses,
    bias_of,
    ceil_to,
    fits,
    start_of,
)
from foldwright.kernels.cpu_denoiser import CPUDiffusionTransformer
from foldwright.kernels.fast import PIECES_PER_THREAD
from foldwright.kernels.spread import spread, team
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformerBlock
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition

CONDITIONED = 6  # tensors of a block: two norms' scales and shifts, and two gates


class CompiledDiffusionTransformer(CompiledPairLogits, CPUDiffusionTransformer):
    """AF3 SI Alg. 23."""

    def forward(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not self.is_compiled(a, s, biases, mask):
            return super().forward(a, s, biases, mask)
        n = a.shape[-2]
        x, erased = panelled(a.reshape(-1, *a.shape[-2:])), ((1 - mask.reshape(-1)) * ERASED).to(a.dtype)
        given = s.reshape(-1, *s.shape[-2:])
        blocks = cast(list[DiffusionTransformerBlock], list(self.blocks))
        normal = nn.functional.layer_norm(given, given.shape[-1:], eps=blocks[0].attention.norm.norm.eps)
        run = _Run(x, panelled(given), panelled(normal), erased, n)
        several = max(1, self.piece_bytes // (CONDITIONED * s[..., 0].numel() * a.shape[-1] * s.element_size()))
        with team():
            for start in range(0, len(blocks), several):
                some = blocks[start : start + several]
                by = iter(run.conditions(some))
                for block, bias in zip(some, biases[start:], strict=False):
                    run.attend(block.attention, next(by), bias)
                    run.widen(block.transition, next(by))
        return from_panels(x, n).view(a.shape)

    def is_compiled(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> bool:
        """Whether it runs as compiled: in single precision, the same logits and mask for all samples."""
        samples, conditioned = (x[..., 0, 0].numel() for x in (a, s))
        is_plain = all(bias.dim() == 3 for bias in biases) and mask.numel() == a.shape[-2]
        return fits(a, a.shape[-1]) and s.dtype == a.dtype and is_plain and conditioned in (1, samples)

    def prepare(self, z: Tensor) -> tuple[Tensor, ...]:
        """What the pairs add to the logits of each block, the queries side by side."""
        if torch.is_grad_enabled() or z.dim() > 3:
            return super().prepare(z)
        return tuple(bias.transpose(-1, -2) for bias in super().prepare(z.transpose(0, 1)))


class _Run:
    """One pass through the blocks.

    x         the tokens of all samples, changed by every layer
    given     what conditions them; `normal`, the same normalised; their panels serve every sample if they are fewer
    erased    what is added to the logits of each key
    """

    def __init__(self, x: Tensor, given: Tensor, normal: Tensor, erased: Tensor, n: int):
        self.x, self.given, self.normal, self.n = x, given, normal, n
        self.erased = nn.functional.pad(erased, (0, ROWS), value=-math.inf)  # tiles reach beyond the last key
        self.samples, self.per_sample, self.channels = x.shape[:3]
        self.inside = torch.empty_like(x)  # what enters a layer, and what its heads gathered
        self.gathered = torch.empty_like(x)
        self.run = over_panels().function

    def conditions(self, blocks: list[DiffusionTransformerBlock]) -> Tensor:
        """Scale, shift and gate of each block's attention, and of its transition, [layers 3 panels c COLUMNS]."""
        layers: list[ConditionedAttention | ConditionedTransition] = []
        for block in blocks:
            layers += [block.attention, block.transition]
        panels, depth = self.given.shape[0] * self.given.shape[1], self.given.shape[2]
        out = self.x.new_empty(len(layers), 3, panels, self.channels, COLUMNS)

        def condition(task: tuple[int, int]) -> None:
            number, part = task
            layer = layers[number]
            norm: AdaptiveLayerNorm = layer.norm
            linear = (norm.scale, norm.shift, layer.output_gate.gate)[part]
            right = self.given if part == 2 else self.normal * norm.norm.weight[:, None]
            bias = bias_of(linear)
            tensors = addresses(right, linear.weight, bias, out[number, part])
            self.run("mapped" if part == 1 else "opened")(*tensors, 0, self.channels, self.channels, depth, panels)

        spread(condition, [(number, part) for number in range(len(layers)) for part in range(3)])
        return out

    def attend(self, layer: ConditionedAttention, by: Tensor, bias: Tensor) -> None:
        """AF3 SI Alg. 24, with logits' bias [h n n]."""
        self._modulate(layer.norm, by)
        bias = _by_keys(bias)
        core, n = layer.core, self.n
        assert core.gate is not None
        width = self.channels // core.heads
        maps = (core.query, core.key, core.value, core.gate)
        query_bias = bias_of(core.query)
        factor = self.x.new_tensor([math.log2(math.e), width**-0.5])
        tensors = self.inside, *(each.weight for each in maps), query_bias, factor, self.erased, self.gathered

        def gather(heads: slice) -> None:
            room = self.x.new_zeros(4 * (width + ROWS) * self.per_sample * COLUMNS + COLUMNS * (n + ROWS))
            sizes = self.samples, self.per_sample, n, self.channels, width, bias.stride(0), bias.stride(1)
            self.run("gather")(start_of(bias), *addresses(*tensors, room), heads.start, heads.stop, *sizes)

        spread(gather, ranges(core.heads, *maps, per_thread=PIECES_PER_THREAD))
        self._close(core.out, self.gathered, by)

    def widen(self, layer: ConditionedTransition, by: Tensor) -> None:
        """AF3 SI Alg. 25."""
        self._modulate(layer.norm, by)
        width = layer.gate.out_features
        wide = self.x.new_empty(self.samples * self.per_sample, width, COLUMNS)

        def widen(some: slice) -> None:
            tensors = addresses(self.inside, layer.gate.weight, layer.expand.weight, wide)
            self.run("widened")(*tensors, some.start, some.stop, width, self.channels, len(wide))

        spread(widen, ranges(width, layer.gate, layer.expand, per_thread=PIECES_PER_THREAD))
        self._close(layer.contract, wide, by)

    def _modulate(self, norm: AdaptiveLayerNorm, by: Tensor) -> None:
        scale, shift, _ = by
        epsilon = self.x.new_tensor([norm.norm.eps])
        tensors = addresses(self.x, scale, shift, epsilon, self.inside)
        self.run("modulated")(*tensors, self.samples * self.per_sample, len(scale), self.channels)

    def _close(self, linear: nn.Linear, x: Tensor, by: Tensor) -> None:
        gate = by[2]

        def close(some: slice) -> None:
            tensors = addresses(x, linear.weight, gate, self.x)
            sizes = self.channels, linear.in_features, self.samples * self.per_sample, len(gate)
            self.run("closed")(*tensors, some.start, some.stop, *sizes)

        spread(close, ranges(self.channels, linear, per_thread=PIECES_PER_THREAD))


def panelled(x: Tensor) -> Tensor:
    """x [samples n c] as panels [samples panels c COLUMNS] of its positions, with zeros for those behind the last."""
    full = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % COLUMNS))
    return full.unflatten(1, (-1, COLUMNS)).transpose(2, 3).contiguous()


def from_panels(x: Tensor, n: int) -> Tensor:
    """The reverse."""
    return x.transpose(2, 3).flatten(1, 2)[:, :n].contiguous()


def _by_keys(bias: Tensor) -> Tensor:
    """Logits [h n n] as [h keys queries], queries side by side in whole panels, as `prepare` leaves them."""
    turned = bias.transpose(-1, -2)
    n = bias.shape[-1]
    if turned.stride(-1) == 1 and turned.stride(-2) >= ceil_to(n, COLUMNS):
        return turned
    return nn.functional.pad(turned, (0, -n % COLUMNS)).contiguous()
