"""The transformer of AF3's denoiser, compiled: its 0.8 GB of weights are read once a step, where they lie."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.compiled.jobs import Jobs
from foldwright.kernels.compiled.panel_jobs import (
    add_gather,
    add_map,
    add_widened,
    from_panels,
    padded_mask,
    panelled,
    room_to_gather,
)
from foldwright.kernels.compiled.panels import over_panels
from foldwright.kernels.compiled.tiles import COLUMNS, ROWS, fits
from foldwright.kernels.cpu_denoiser import CPUDiffusionTransformer
from foldwright.models.af3.diffusion_transformer import DiffusionTransformerBlock


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

    x      the tokens of all samples, changed by every layer
    given  what conditions them; `normal`, the same normalised; their panels serve every sample if they are fewer
    """

    def __init__(self, x: Tensor, s: Tensor, erased: Tensor, n: int, epsilon: float):
        self.jobs = Jobs()
        self.x, self.n = x, n
        self.given, self.normal = panelled(s), panelled(nn.functional.layer_norm(s, s.shape[-1:], eps=epsilon))
        self.mask, self.epsilon = padded_mask(erased), x.new_tensor([epsilon])
        samples, per_sample, self.channels = x.shape[:3]
        self.panels, self.period = samples * per_sample, self.given[..., 0, 0].numel()
        self.inside, self.gathered = torch.empty_like(x), torch.empty_like(x)  # what enters a layer; what heads found
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
        if self.room is None:
            self.room = room_to_gather(self.jobs, attention.core, self.x, self.n)
        self._modulate(self.by[0])
        if following is not None:
            self._scale(following, waits=False)
        add_gather(self.jobs, attention.core, self.inside, bias, self.mask, self.gathered, self.room)
        if following is not None:
            self._condition(following, waits=False)  # many small pieces for who has no head left to do
        self._close(attention.core.out, self.gathered, self.by[0])
        self._modulate(self.by[1])
        self.wide = add_widened(self.jobs, transition.gate, transition.expand, self.inside, self.wide)
        self._close(transition.contract, self.wide, self.by[1])

    def _scale(self, block: DiffusionTransformerBlock, waits: bool) -> None:
        for layer, scaled in zip((block.attention, block.transition), self.scaled, strict=True):
            given = self.normal, layer.norm.norm.weight, scaled, self.normal.shape[2]
            self.jobs.add(over_panels(), "scaled", *given, total=self.period, num_bytes=scaled.nbytes, waits=waits)
            waits = False

    def _condition(self, block: DiffusionTransformerBlock, waits: bool) -> None:
        """AF3 SI Alg. 26 lines 2-3, and the gates of Alg. 24 line 12 and Alg. 25 line 3."""
        for layer, scaled, found in zip((block.attention, block.transition), self.scaled, self.next_by, strict=True):
            maps = layer.norm.scale, layer.norm.shift, layer.output_gate.gate
            ways = ("opened", scaled), ("mapped", scaled), ("opened", self.given)
            for linear, (way, given), out in zip(maps, ways, found, strict=True):
                add_map(self.jobs, linear, given, out, way, waits)
                waits = False

    def _modulate(self, by: Tensor) -> None:
        given = self.x, by[0], by[1], self.epsilon, self.inside, self.period, self.channels
        self.jobs.add(over_panels(), "modulated", *given, total=self.panels, num_bytes=self.x.nbytes)

    def _close(self, linear: nn.Linear, x: Tensor, by: Tensor) -> None:
        size = linear.weight.nbytes
        given = x, linear.weight, by[2], self.x, self.channels, linear.in_features, self.panels, self.period
        self.jobs.add(over_panels(), "closed", *given, total=self.channels, num_bytes=size, unit=ROWS)
