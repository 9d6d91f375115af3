"""Drawings as PNG or PDF, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.reports.drawing import FONT_SIZE, Area, Drawing, Line, Picture, Text

DOTS_PER_INCH = 300
PIXELS_PER_INCH = 96  # CSS Values and Units, section 6.2
POINTS_PER_PIXEL = 72 / PIXELS_PER_INCH


def draw_file(drawing: Drawing, path: Path, colours: Mapping[str, str]) -> Path:
    """Write a drawing in the format that the path's ending names, on white.

    Raises:
        InputError: matplotlib is not installed.
    """
    figure, axes = _canvas(drawing)
    for order, shape in enumerate(drawing.shapes):
        _draw(shape, axes, colours, order)
    # No date: the same results give the same bytes.
    about = {"CreationDate": None} if path.suffix == ".pdf" else {"Title": drawing.title, "Software": "Foldwright"}
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format=path.suffix.lstrip("."), dpi=DOTS_PER_INCH, metadata=about)
    return path


def require_matplotlib() -> None:
    """Raises InputError: it is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as fault:
        remedy = 'Install it with pip install "foldwright[plots]", or ask for svg.'
        raise InputError("png and pdf need matplotlib, which is not installed.", remedy=remedy) from fault


def _canvas(drawing: Drawing) -> tuple[Any, Any]:
    """A figure of the drawing's size, and axes that count its pixels."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawing.width / PIXELS_PER_INCH, drawing.height / PIXELS_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    return figure, axes


@singledispatch
def _draw(shape: object, axes: Any, colours: Mapping[str, str], order: int) -> None:
    raise TypeError(f"no shape: {shape}")


@_draw.register
def _line(shape: Line, axes: Any, colours: Mapping[str, str], order: int) -> None:
    width = shape.width * POINTS_PER_PIXEL
    axes.plot(
        shape.points[:, 0],
        shape.points[:, 1],
        color=colours[shape.colour],
        linewidth=width,
        solid_joinstyle="round",
        solid_capstyle="butt",
        zorder=order,
    )


@_draw.register
def _area(shape: Area, axes: Any, colours: Mapping[str, str], order: int) -> None:
    axes.fill(
        shape.points[:, 0],
        shape.points[:, 1],
        color=colours[shape.colour],
        alpha=shape.opacity,
        linewidth=0,
        zorder=order,
    )


@_draw.register
def _text(shape: Text, axes: Any, colours: Mapping[str, str], order: int) -> None:
    align = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
    axes.text(
        shape.x,
        shape.y,
        shape.text,
        color=colours[shape.colour],
        fontsize=FONT_SIZE * POINTS_PER_PIXEL,
        ha=align,
        va="baseline" if not shape.is_upright else "center",
        rotation=90 if shape.is_upright else 0,
        rotation_mode="anchor" if shape.is_upright else None,
        parse_math=False,
        zorder=order,
    )


@_draw.register
def _picture(shape: Picture, axes: Any, colours: Mapping[str, str], order: int) -> None:
    extent = (shape.left, shape.left + shape.width, shape.top + shape.height, shape.top)
    axes.imshow(shape.pixels, extent=extent, interpolation="nearest", aspect="auto", zorder=order)
    figure = axes.figure
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    axes.set(xlim=(0, width), ylim=(height, 0))  # imshow takes the limits of its picture
