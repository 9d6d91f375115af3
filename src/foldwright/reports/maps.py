"""The pictures of a job over all pairs: expected errors, contacts, scores of each two chains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from foldwright.reports.drawing import Axes, Drawing, Line, Number, Picture, Text
from foldwright.reports.palette import ramp_pixels
from foldwright.reports.results import Chain, Model, Results
from foldwright.reports.words import Matrix, describe_errors

LEFT, TOP = 58, 26  # margins
MOST_NUMBERS = 10  # of chains, whose matrix has room for its values


def pae_plot(results: Results, model: Model, palette: str, size: Number = 460) -> Drawing:
    """The predicted aligned error: row aligned on, column scored."""
    assert model.pae is not None
    axes = _square(results, size)
    key = ramp_pixels(np.linspace(0, model.max_pae, 128)[None], model.max_pae, palette)
    return Drawing(
        width=size,
        height=TOP + axes.height + 88,
        title=f"Predicted aligned error, {model.name}",
        description=describe_errors(model.pae, results.chains),
        shapes=[
            _matrix_picture(axes, ramp_pixels(model.pae, model.max_pae, palette)),
            *_chain_grid(axes, results),
            *axes.frame(f"scored {results.unit}", f"aligned {results.unit}"),
            *_ramp_key(axes, key, f"{model.max_pae:.0f} Å", "expected position error"),
        ],
    )


def contact_plot(results: Results, model: Model, palette: str, size: Number = 460) -> Drawing:
    """How probable contacts are."""
    assert model.contacts is not None
    axes = _square(results, size)
    words = f"{(model.contacts > 0.5).mean():.1%} of all pairs are more probable than not."
    return Drawing(
        width=size,
        height=TOP + axes.height + 88,
        title=f"Probability of contact, {model.name}",
        description=words,
        shapes=[
            _matrix_picture(axes, ramp_pixels(1 - model.contacts, 1, palette)),
            *_chain_grid(axes, results),
            *axes.frame(results.unit, results.unit),
            *_ramp_key(axes, ramp_pixels(np.linspace(1, 0, 128)[None], 1, palette), "1", "probability of contact"),
        ],
    )


def chain_pair_plot(results: Results, model: Model, matrix: Matrix, palette: str, size: Number = 460) -> Drawing:
    """A score of each two chains as a coloured table."""
    values = np.array([[np.nan if x is None else x for x in row] for row in model.scores[matrix.key]], float)
    n, inner = len(values), size - LEFT - 24
    axes = Axes(left=LEFT, top=TOP, width=inner, height=inner, x_range=(0, n), y_range=(n, 0))
    shares = (values - matrix.worst) / (matrix.best - matrix.worst)
    pixels = np.where(np.isnan(shares)[..., None], 255, ramp_pixels(1 - np.nan_to_num(shares, nan=0.0), 1, palette))
    words = [word for i, chain in enumerate(results.chains) for word in _around_matrix(axes, i, chain.name)]
    words += [
        Text(
            x=float(axes.x(j + 0.5)),
            y=float(axes.y(i + 0.5)) + 4,
            text="–" if np.isnan(values[i, j]) else f"{values[i, j]:.{matrix.digits}f}",
            anchor="middle",
            colour="paper" if shares[i, j] > 0.6 else "ink",
        )
        for i in range(n)
        for j in range(n)
        if n <= MOST_NUMBERS
    ]
    return Drawing(
        width=size,
        height=TOP + inner + 24,
        title=f"{matrix.label}, {model.name}",
        description=f"From {np.nanmin(values):.{matrix.digits}f} to {np.nanmax(values):.{matrix.digits}f}.",
        shapes=[_matrix_picture(axes, pixels.astype(np.uint8)), *words],
    )


def chain_names(axes: Axes, chains: Sequence[Chain]) -> list[Text]:
    """Names over the middle of each chain, where there are several and they fit."""
    if len(chains) == 1:
        return []
    middles = [(chain, float(axes.x((chain.start + chain.stop + 1) / 2))) for chain in chains]
    return [
        Text(x=x, y=axes.top - 8, text=chain.name, anchor="middle")
        for chain, x in middles
        if chain.size / abs(axes.x_range[1] - axes.x_range[0]) * axes.width > 8 * len(chain.name)
    ]


def _around_matrix(axes: Axes, i: int, name: str) -> list[Text]:
    return [
        Text(x=float(axes.x(i + 0.5)), y=axes.top - 8, text=name, anchor="middle"),
        Text(x=axes.left - 8, y=float(axes.y(i + 0.5)) + 4, text=name, anchor="end"),
    ]


def _square(results: Results, size: Number) -> Axes:
    """Axes over all pairs, the first row above."""
    inner, first, last = size - LEFT - 24, 0.5, results.size + 0.5
    return Axes(left=LEFT, top=TOP, width=inner, height=inner, x_range=(first, last), y_range=(last, first))


def _matrix_picture(axes: Axes, pixels: UInt8[np.ndarray, "h w 3"]) -> Picture:
    return Picture(left=axes.left, top=axes.top, width=axes.width, height=axes.height, pixels=pixels)


def _chain_grid(axes: Axes, results: Results) -> list[Line | Text]:
    """Borders between chains, and their names."""
    starts = [chain.start + 0.5 for chain in results.chains[1:]]
    lines = [axes.rule(start, "ink", 0.8) for start in starts]
    lines += [Line(points=axes.points(axes.x_range, start), width=0.8) for start in starts]
    return [*lines, *chain_names(axes, results.chains)]


def _ramp_key(axes: Axes, pixels: UInt8[np.ndarray, "1 w 3"], top: str, words: str) -> list[Picture | Text]:
    """The colours of a map under its axes."""
    y = axes.bottom + 50
    return [
        Picture(left=axes.left + 30, top=y, width=axes.width - 90, height=10, pixels=pixels),
        Text(x=axes.left + 24, y=y + 10, text="0", anchor="end", colour="quiet"),
        Text(x=axes.right - 54, y=y + 10, text=top, colour="quiet"),
        Text(x=axes.left + axes.width / 2, y=y + 28, text=words, anchor="middle", colour="quiet"),
    ]
