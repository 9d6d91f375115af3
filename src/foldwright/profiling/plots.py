"""Pictures of a profile: where the time goes, how close to the machine's limits, what the memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.profiling.measure import Profile
from foldwright.profiling.memory import KINDS
from foldwright.profiling.operations import OTHER
from foldwright.profiling.sweep import Series

# Okabe and Ito's colours, which are told apart by (nearly) everybody.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00"),
    *("#56B4E9", "#CC79A7", "#F0E442", "#888888"),
)
KIND_COLOURS = dict(zip(KINDS, (BLUE, PURPLE, SKY, GREEN, GREY, ORANGE, VERMILION), strict=True))


def draw_profile(profile: Profile, folder: Path, title: str) -> list[Path]:
    """operations.png, roofline.png and memory.png."""
    return [
        draw_operations(profile, folder / "operations.png", title),
        draw_roofline(profile, folder / "roofline.png", title),
        draw_memory(profile, folder / "memory.png", title),
    ]


def draw_operations(profile: Profile, path: Path, title: str) -> Path:
    """The share of each operation in time, both directions, beside its share in FLOPs."""
    operations = sorted(profile.operations, key=lambda o: o.seconds)
    total = sum(o.seconds for o in operations)
    figure, axes = _figure(9.0, 5.5)
    y = np.arange(len(operations))
    forward = np.array([100 * o.forward_s / total for o in operations])
    axes.barh(y, forward, 0.7, color=BLUE, label="forward, of all time")
    backward = [100 * o.backward_s / total for o in operations]
    axes.barh(y, backward, 0.7, left=forward, color=SKY, label="backward, of all time")
    counted = [(i, 100 * profile.predicted_share(o)) for i, o in enumerate(operations) if o.flops]
    axes.plot([x for _, x in counted], [i for i, _ in counted], "D", color=VERMILION, label="formulas, of all FLOPs")
    axes.set_yticks(y, [o.name for o in operations])
    axes.set_xlabel("share of forward and backward pass, %")
    _title(figure, title)
    axes.legend(frameon=False, loc="lower right")
    return _save(figure, path)


def draw_roofline(profile: Profile, path: Path, title: str) -> Path:
    """FLOP/s reached by each operation's products over FLOP per byte, under what the machine allows."""
    peak = profile.peak
    counted = [o for o in profile.operations if o.flops and o.seconds > 0 and o.name != OTHER]
    counted.sort(key=lambda o: o.flops_per_byte)
    longest = max(o.seconds for o in counted)
    figure, axes = _figure(9.0, 5.5)
    reach = [o.flops_per_byte for o in counted] + [peak.ridge]
    x = np.geomspace(min(reach) / 2, max(reach) * 4, 200)
    axes.plot(x, [peak.attainable(i) / 1e9 for i in x], color="black")
    axes.text(
        x[-1], peak.flops_per_s / 1e9 * 1.06, f"{peak.flops_per_s / 1e9:,.0f} GFLOP/s, matrix product", ha="right"
    )
    axes.text(peak.ridge, peak.flops_per_s / 1e9 * 1.06, f"{peak.bytes_per_s / 1e9:,.0f} GB/s, copy ", ha="right")
    for number, operation in enumerate(counted, start=1):
        at = operation.flops_per_byte, operation.flops_per_s / 1e9
        size = 30 + 400 * operation.seconds / longest
        label = f"{number}  {operation.name}"
        axes.scatter(*at, s=size, color=BLUE, alpha=0.35, label=label)
        left = number % 2 == 0  # the two directions of triangles all but coincide
        beside = (-3 - size**0.5 / 2, 0) if left else (3 + size**0.5 / 2, 0)
        align = "right" if left else "left"
        axes.annotate(str(number), at, beside, textcoords="offset points", ha=align, va="center", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="FLOP per byte of operands and results", ylabel="GFLOP/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}" if axis is axes.xaxis and x[-1] / x[0] < 100 else "")
    axes.tick_params(which="minor", labelsize="x-small")
    _title(figure, title)
    legend = axes.legend(
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        markerscale=0,
        handlelength=0,
        handletextpad=0,
        title="area: time, forward and backward",
        alignment="left",
    )
    legend.get_title().set_fontsize("small")
    return _save(figure, path)


def draw_memory(profile: Profile, path: Path, title: str) -> Path:
    """What the memory holds from operation to operation of a step."""
    memory = profile.memory
    moments = [moment for moment, _ in memory.timeline]
    figure, axes = _figure(9.0, 4.5)
    bottom = np.zeros(len(moments))
    for kind in KINDS:
        size = np.array([parts[kind] for _, parts in memory.timeline]) / 1e6
        axes.fill_between(moments, bottom, bottom + size, step="post", color=KIND_COLOURS[kind], lw=0, label=kind)
        bottom = bottom + size
    top = 1.12 * bottom.max()
    for number, (stage, first) in enumerate(memory.stages):
        axes.axvline(first, color="black", lw=0.6)
        axes.text(first, top * (1 - 0.05 * (number % 2)), f" {stage}", va="top", fontsize="small")
    axes.set(
        xlim=(moments[0], moments[-1]), ylim=(0, top), xlabel="operations of torch since the step began", ylabel="MB"
    )
    _title(figure, title)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5), reverse=True)
    return _save(figure, path)


def draw_sweep(series: Sequence[Series], path: Path, title: str) -> Path:
    """Time and memory of a step over each size, beside the time its FLOPs predict."""
    figure, grid = _figures(2, len(series), 3.4 * len(series), 6.0)
    for column, one in enumerate(series):
        x = [point.value for point in one.points]
        over, under = grid[0][column], grid[1][column]
        over.plot(x, [1e3 * p.forward_s for p in one.points], "o-", color=BLUE, label="forward and losses")
        over.plot(x, [1e3 * p.backward_s for p in one.points], "o-", color=SKY, label="backward")
        over.plot(x, [1e3 * p.step_s for p in one.points], "o-", color="black", label="step")
        base = one.points[-1].step_s / one.points[-1].flops
        predicted = [1e3 * base * p.flops for p in one.points]
        over.plot(x, predicted, "--", color=VERMILION, label="FLOPs, scaled to the last")
        under.plot(x, [p.peak_bytes / 1e6 for p in one.points], "o-", color=ORANGE, label="peak memory")
        under.plot(x, [p.kept_bytes / 1e6 for p in one.points], "o-", color=GREEN, label="activations kept")
        over.set_title(f"{one.name}: time ~ {one.name}^{one.exponent:.1f}", fontsize="medium")
        under.set_xlabel(one.name)
        for axes in (over, under):
            axes.set_ylim(bottom=0)
            axes.set_xticks(x, [str(value) for value in x])
    grid[0][0].set_ylabel("ms")
    grid[1][0].set_ylabel("MB")
    for row in grid:
        row[0].legend(frameon=False, fontsize="small")
    _title(figure, title)
    return _save(figure, path)


def require_matplotlib() -> None:
    """Raises InputError: it is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as fault:
        remedy = 'Install it with pip install "foldwright[train]", or ask for --no-plots.'
        raise InputError("pictures need matplotlib, which is not installed.", remedy=remedy) from fault


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure, grid = _figures(1, 1, width, height)
    return figure, grid[0][0]


def _figures(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure that no window system is asked for."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid


def _title(figure: Any, title: str) -> None:
    lines = (line.strip() for line in title.splitlines())
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize="medium")


def _save(figure: Any, path: Path) -> Path:
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=140)
    return path
