"""The transformer of AF3's denoiser, compiled: its 0.8 GB of weights are read once a step, where they lie."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.compiled.jobs import Jobs
from foldwright.kernels.compiled.panels import over_panels
from foldwright.kernels.compiled.tiles import (
    COLUMNS,
    GATED,
    ROWS,
    bias_of,
    ceil_to,
    fits,
    start_of,
)
from foldwright.kernels.cpu_denoiser import CPUDiffusionTransformer
from foldwright.models.af3.diffusion_transformer import DiffusionTransformerBlock
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition
from foldwright.nn.attention import GatedAttention


class CompiledDiffusionTransformer(CompiledPairLogits, CPUDiffusionTransformer):
    """AF3 SI Alg. 23."""

    def forward(self, a: Tensor, s: Tensor, biases: tuple[Tensor, ...], mask: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not self.is_compiled(a, s, biases, mask):
            return super().forward(a, s, biases, mask)
        n = a.shape[-2]
        x, erased = panelled(a.reshape(-1, *a.shape[-2:])), ((1 - mask.reshape(-1)) * ERASED).to(a.dtype)
        blocks = cast(list[DiffusionTransformerBlock], list(self.blocks))
        passing = _Pass(x, s.reshape(-1, *s.shape[-2:]), erased, n, blocks[0].attention.norm.norm.eps)
        passing.condition_first(blocks[0])
        for block, following, bias in zip(blocks, [*blocks[1:], None], biases, strict=True):
            passing.add(block, following, bias)
        passing.jobs.run()
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


class _Pass:
    """One pass through the blocks, as a list of jobs.

    x        the tokens of all samples, changed by every layer
    given    what conditions them; `normal`, the same normalised; their panels serve every sample if they are fewer
    erased   what is added to the logits of each key
    """

    def __init__(self, x: Tensor, s: Tensor, erased: Tensor, n: int, epsilon: float):
        self.jobs = Jobs()
        self.x, self.n = x, n
        self.given, self.normal = panelled(s), panelled(nn.functional.layer_norm(s, s.shape[-1:], eps=epsilon))
        self.erased = nn.functional.pad(erased, (0, ROWS), value=-math.inf)  # tiles reach beyond the last key
        self.samples, self.per_sample, self.channels = x.shape[:3]
        self.panels, self.period = self.samples * self.per_sample, self.given[..., 0, 0].numel()
        self.inside, self.gathered = (
            torch.empty_like(x),
            torch.empty_like(x),
        )  # what enters a layer, what its heads found
        # Scale, shift and gate of a block's attention, and of its transition: for this block, and for the next.
        self.by, self.next_by = (x.new_empty(2, 3, self.period, self.channels, COLUMNS) for _ in range(2))
        self.scaled = torch.empty_like(torch.stack([self.given] * 2))  # `normal` as the next two layers scale it
        self.room: Tensor | None = None
        self.wide: Tensor | None = None

    def condition_first(self, block: DiffusionTransformerBlock) -> None:
        """What conditions the first block."""
        self._scale(block, waits=False)
        self._condition(block, waits=True)

    def add(self, block: DiffusionTransformerBlock, following: DiffusionTransformerBlock | None, bias: Tensor) -> None:
        """AF3 SI Alg. 23, one iteration; what conditions the next is found meanwhile."""
        self.by, self.next_by = self.next_by, self.by
        attention, transition = block.attention, block.transition
        self._modulate(attention.norm, self.by[0])
        if following is not None:
            self._scale(following, waits=False)
        self._gather(attention.core, bias)
        self._close(attention.core.out, self.gathered, self.by[0])
        if following is not None:
            self._condition(following, waits=False)
        self._modulate(transition.norm, self.by[1])
        wide = self._widened(transition)
        self._close(transition.contract, wide, self.by[1])

    def _job(self, name: str, *arguments: Tensor | int, total: int, num_bytes: int, **how: Any) -> None:
        self.jobs.add(over_panels(), name, *arguments, total=total, num_bytes=num_bytes, **how)

    def _scale(self, block: DiffusionTransformerBlock, waits: bool) -> None:
        for layer, scaled in zip((block.attention, block.transition), self.scaled, strict=True):
            given = self.normal, layer.norm.norm.weight, scaled, self.normal.shape[2]
            self._job("scaled", *given, total=self.period, num_bytes=scaled.nbytes, waits=waits)
            waits = False

    def _condition(self, block: DiffusionTransformerBlock, waits: bool) -> None:
        """AF3 SI Alg. 26 lines 2-3, and the gates of Alg. 24 line 12 and Alg. 25 line 3."""
        for layer, scaled, found in zip((block.attention, block.transition), self.scaled, self.next_by, strict=True):
            maps = layer.norm.scale, layer.norm.shift, layer.output_gate.gate
            ways = ("opened", scaled), ("mapped", scaled), ("opened", self.given)
            for linear, (name, right), out in zip(maps, ways, found, strict=True):
                given = right, linear.weight, bias_of(linear), out, self.channels, right.shape[-2], self.period
                self._job(name, *given, total=self.channels, num_bytes=linear.weight.nbytes, unit=ROWS, waits=waits)
                waits = False

    def _modulate(self, norm: AdaptiveLayerNorm, by: Tensor) -> None:
        epsilon = self.x.new_tensor([norm.norm.eps])
        given = self.x, by[0], by[1], epsilon, self.inside, self.period, self.channels
        self._job("modulated", *given, total=self.panels, num_bytes=self.x.nbytes)

    def _gather(self, core: GatedAttention, bias: Tensor) -> None:
        """AF3 SI Alg. 24, with logits' bias [h n n]."""
        assert core.gate is not None
        bias, n, width = _by_keys(bias), self.n, self.channels // core.heads
        maps = core.query, core.key, core.value, core.gate
        factor = self.x.new_tensor([math.log2(math.e), width**-0.5])
        tensors = self.inside, *(each.weight for each in maps), bias_of(core.query), factor, self.erased, self.gathered
        if self.room is None:
            self.room = self.jobs.room(4 * (width + ROWS) * self.per_sample * COLUMNS + COLUMNS * (n + ROWS))
        self.jobs.keep(bias)
        sizes = self.samples, self.per_sample, n, self.channels, width, bias.stride(0), bias.stride(1)
        much = 4 * core.query.weight.nbytes * self.samples
        total = core.heads * self.samples
        self._job("gather", start_of(bias), *tensors, *sizes, total=total, num_bytes=much, room=self.room)

    def _widened(self, layer: ConditionedTransition) -> Tensor:
        """AF3 SI Alg. 25 line 2."""
        width = layer.gate.out_features
        if self.wide is None:
            self.wide = self.x.new_empty(self.panels, width, COLUMNS)
        given = self.inside, layer.gate.weight, layer.expand.weight, self.wide, width, self.channels, self.panels
        self._job("widened", *given, total=width, num_bytes=2 * layer.gate.weight.nbytes, unit=GATED)
        return self.wide

    def _close(self, linear: nn.Linear, x: Tensor, by: Tensor) -> None:
        given = x, linear.weight, by[2], self.x, self.channels, linear.in_features, self.panels, self.period
        self._job("closed", *given, total=self.channels, num_bytes=linear.weight.nbytes, unit=ROWS)


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
