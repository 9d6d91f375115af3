"""Jobs on positions in panels, [samples panels c COLUMNS], and the way in and out of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from foldwright.kernels.compiled.jobs import Jobs
from foldwright.kernels.compiled.panels import over_panels
from foldwright.kernels.compiled.tiles import COLUMNS, GATED, ROWS, bias_of, ceil_to, start_of
from foldwright.nn.attention import GatedAttention


def panelled(x: Tensor) -> Tensor:
    """x [samples n c] as panels [samples panels c COLUMNS] of its positions, with zeros for those behind the last."""
    full = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % COLUMNS))
    return full.unflatten(1, (-1, COLUMNS)).transpose(2, 3).contiguous()


def from_panels(x: Tensor, n: int) -> Tensor:
    """The reverse."""
    return x.transpose(2, 3).flatten(1, 2)[:, :n].contiguous()


def by_keys(bias: Tensor) -> Tensor:
    """Logits [h n n] as [h keys queries], queries side by side in whole panels, as `prepare` leaves them."""
    turned = bias.transpose(-1, -2)
    n = bias.shape[-1]
    if turned.stride(-1) == 1 and turned.stride(-2) >= ceil_to(n, COLUMNS):
        return turned
    return nn.functional.pad(turned, (0, -n % COLUMNS)).contiguous()


def padded_mask(erased: Tensor) -> Tensor:
    """What is added to the logits of each key, with nothing to see behind the last: tiles reach beyond it."""
    return nn.functional.pad(erased, (0, ROWS), value=-math.inf)


def add_map(
    jobs: Jobs, linear: nn.Linear, x: Tensor, out: Tensor | None = None, way: str = "mapped", waits: bool = True
) -> Tensor:
    """The map of x, or, where the way is "opened", its sigmoid."""
    if out is None:
        out = x.new_empty(*x.shape[:-2], linear.out_features, COLUMNS)
    panels = x[..., 0, 0].numel()
    given = x, linear.weight, bias_of(linear), out, linear.out_features, linear.in_features, panels
    size = linear.weight.nbytes
    jobs.add(over_panels(), way, *given, total=linear.out_features, num_bytes=size, unit=ROWS, waits=waits)
    return out


def add_widened(jobs: Jobs, gate: nn.Linear, expand: nn.Linear, x: Tensor, out: Tensor | None = None) -> Tensor:
    """One map of x behind the swish of another."""
    if out is None:
        out = x.new_empty(*x.shape[:-2], gate.out_features, COLUMNS)
    panels = x[..., 0, 0].numel()
    given = x, gate.weight, expand.weight, out, gate.out_features, gate.in_features, panels
    jobs.add(over_panels(), "widened", *given, total=gate.out_features, num_bytes=2 * gate.weight.nbytes, unit=GATED)
    return out


def room_to_gather(jobs: Jobs, core: GatedAttention, x: Tensor, n: int) -> Tensor:
    """What `add_gather` needs for n positions x."""
    width, across = core.query.out_features // core.heads, x.shape[1] * COLUMNS
    return jobs.room(4 * (width + ROWS) * across + COLUMNS * (n + ROWS))


def add_gather(
    jobs: Jobs,
    core: GatedAttention,
    x: Tensor,
    bias: Tensor,
    mask: Tensor,
    out: Tensor | None = None,
    room: Tensor | None = None,
) -> Tensor:
    """What the positions of each sample gather from each other before the last map.

    bias  [h n n], added to the logits; best as `by_keys` makes it
    mask  as `padded_mask` makes it
    """
    assert core.gate is not None
    (samples, panels, channels), n = x.shape[:3], bias.shape[-1]
    out = torch.empty_like(x) if out is None else out
    room = room_to_gather(jobs, core, x, n) if room is None else room
    bias, width = by_keys(bias), core.query.out_features // core.heads
    jobs.keep(bias)
    maps = core.query, core.key, core.value, core.gate
    factor = x.new_tensor([math.log2(math.e), width**-0.5])
    tensors = x, *(each.weight for each in maps), bias_of(core.query), factor, mask, out
    given = start_of(bias), *tensors, samples, panels, n, channels, width, bias.stride(0), bias.stride(1)
    total, size = core.heads * samples, 4 * core.query.weight.nbytes * samples
    jobs.add(over_panels(), "gather", *given, total=total, num_bytes=size, room=room)
    return out
