"""Pictures as lists of shapes: one drawing, written as SVG for the page or as any format that matplotlib knows.

Lengths are CSS pixels, y grows downwards. Colours are names of `palette.py`, so that a page can show them in its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

FONT_SIZE = 12.0

Number = float | int


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through points; where a point is not a number it is interrupted."""

    points: Float[np.ndarray, "k 2"]
    colour: str = "ink"
    width: Number = 1.5
    label: str = ""  # for style sheets: the model it belongs to


@dataclass(frozen=True, kw_only=True)
class Area:
    """A filled polygon."""

    points: Float[np.ndarray, "k 2"]
    colour: str
    opacity: Number = 1.0
    label: str = ""  # for scripts


@dataclass(frozen=True, kw_only=True)
class Text:
    """A line of text; `anchor` is start, middle or end, and it stands on y."""

    x: Number
    y: Number
    text: str
    anchor: str = "start"
    colour: str = "ink"
    is_upright: bool = False  # read from below


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Pixels stretched over a rectangle without smoothing."""

    left: Number
    top: Number
    width: Number
    height: Number
    pixels: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A picture with its words: `title` names it, `description` tells somebody who cannot see it."""

    width: Number
    height: Number
    title: str
    description: str
    shapes: Sequence[Line | Area | Text | Picture]
    data: dict[str, Any] = field(default_factory=dict)  # for scripts: where the axes lie


@dataclass(frozen=True, kw_only=True)
class Axes:
    """A rectangle of the drawing and the values at its borders."""

    left: Number
    top: Number
    width: Number
    height: Number
    x_range: tuple[Number, Number]
    y_range: tuple[Number, Number]  # below, above

    def x(self, value: Any) -> Any:
        low, high = self.x_range
        return self.left + (np.asarray(value, float) - low) / (high - low) * self.width

    def y(self, value: Any) -> Any:
        low, high = self.y_range
        return self.top + (high - np.asarray(value, float)) / (high - low) * self.height

    @property
    def right(self) -> Number:
        return self.left + self.width

    @property
    def bottom(self) -> Number:
        return self.top + self.height

    def points(self, x: Any, y: Any) -> Float[np.ndarray, "k 2"]:
        """Values to places in the drawing."""
        return np.stack(np.broadcast_arrays(self.x(x), self.y(y)), axis=-1).astype(float)

    def band(self, low: Number, high: Number, colour: str, opacity: Number = 1.0) -> Area:
        """A stripe over the whole width."""
        return self.box(*self.x_range, low, high, colour, opacity)

    def box(self, x0: Number, x1: Number, y0: Number, y1: Number, colour: str, opacity: Number = 1.0) -> Area:
        return Area(points=self.points([x0, x1, x1, x0], [y0, y0, y1, y1]), colour=colour, opacity=opacity)

    def rule(self, value: Number, colour: str = "line", width: Number = 1.0) -> Line:
        """An upright line."""
        return Line(points=self.points([value, value], self.y_range), colour=colour, width=width)

    def frame(self, x_label: str, y_label: str) -> list[Line | Text]:
        """Two axes with ticks and names."""
        shapes: list[Line | Text] = [
            Line(points=self.points(self.x_range, self.y_range[0]), colour="quiet", width=1),
            Line(points=self.points(self.x_range[0], self.y_range), colour="quiet", width=1),
            Text(x=self.left + self.width / 2, y=self.bottom + 36, text=x_label, anchor="middle", colour="quiet"),
            Text(
                x=self.left - 44,
                y=self.top + self.height / 2,
                text=y_label,
                anchor="middle",
                colour="quiet",
                is_upright=True,
            ),
        ]
        for value in ticks(*self.x_range, max(2, int(self.width / 70))):
            x = float(self.x(value))
            shapes.append(Line(points=np.array([[x, self.bottom], [x, self.bottom + 4]]), colour="quiet", width=1))
            shapes.append(Text(x=x, y=self.bottom + 17, text=f"{value:,g}", anchor="middle", colour="quiet"))
        for value in ticks(*self.y_range, max(2, int(self.height / 32))):
            y = float(self.y(value))
            shapes.append(Line(points=np.array([[self.left - 4, y], [self.left, y]]), colour="quiet", width=1))
            shapes.append(Text(x=self.left - 7, y=y + 4, text=f"{value:,g}", anchor="end", colour="quiet"))
        return shapes


def ticks(low: Number, high: Number, most: int) -> list[Number]:
    """Round numbers between two, at most so many steps of 1, 2 or 5 times a power of ten."""
    low, high = min(low, high), max(low, high)
    if high <= low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (power * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
