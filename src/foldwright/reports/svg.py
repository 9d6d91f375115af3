"""Drawings as SVG: with colours in place as a file, with class names inside a page."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from functools import singledispatch

import numpy as np
from jaxtyping import Float, UInt8

from foldwright.reports.drawing import FONT_SIZE, Area, Drawing, Line, Number, Picture, Text
from foldwright.reports.markup import Markup, tag

Colours = Mapping[str, str] | None  # None: class names, which the page's style sheet colours


def svg_file(drawing: Drawing, colours: Mapping[str, str]) -> str:
    """A file of its own, on white."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + svg(drawing, colours) + "\n"


def svg(drawing: Drawing, colours: Colours = None, **attributes: object) -> Markup:
    """The element; its words are its title and description."""
    size = {} if colours is None else {"width": _number(drawing.width), "height": _number(drawing.height)}
    paper = Area(points=_corners(drawing), colour="paper")
    return tag(
        "svg",
        *_words(drawing, colours),
        _shape(paper, colours) if colours else None,
        *(_shape(shape, colours) for shape in drawing.shapes),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_number(drawing.width)} {_number(drawing.height)}",
        role="img",
        aria_label=None if colours else f"{drawing.title}. {drawing.description}",
        font_family="system-ui, Helvetica, Arial, sans-serif",
        font_size=_number(FONT_SIZE),
        **size,
        **{f"data-{key}": value for key, value in drawing.data.items()},
        **attributes,
    )


def _words(drawing: Drawing, colours: Colours) -> list[Markup]:
    """Title and description; inside a page they are a label, since browsers show a title wherever the mouse rests."""
    return [tag("title", drawing.title), tag("desc", drawing.description)] if colours else []


@singledispatch
def _shape(shape: object, colours: Colours) -> Markup:
    raise TypeError(f"no shape: {shape}")


@_shape.register
def _line(shape: Line, colours: Colours) -> Markup:
    return tag(
        "path",
        d=path(shape.points),
        fill="none",
        stroke_width=_number(shape.width),
        stroke_linejoin="round",
        stroke=colours[shape.colour] if colours else None,
        class_=None if colours else f"s-{shape.colour}",
        data_label=shape.label or None,
    )


@_shape.register
def _area(shape: Area, colours: Colours) -> Markup:
    return tag(
        "path",
        d=path(shape.points) + "Z",
        fill=colours[shape.colour] if colours else None,
        class_=None if colours else f"f-{shape.colour}",
        opacity=None if shape.opacity == 1 else shape.opacity,
        data_label=shape.label or None,
    )


@_shape.register
def _text(shape: Text, colours: Colours) -> Markup:
    return tag(
        "text",
        shape.text,
        x=_number(shape.x),
        y=_number(shape.y),
        text_anchor=shape.anchor,
        fill=colours[shape.colour] if colours else None,
        class_=None if colours else f"f-{shape.colour}",
        transform=f"rotate(-90 {_number(shape.x)} {_number(shape.y)})" if shape.is_upright else None,
    )


@_shape.register
def _picture(shape: Picture, colours: Colours) -> Markup:
    return tag(
        "image",
        x=_number(shape.left),
        y=_number(shape.top),
        width=_number(shape.width),
        height=_number(shape.height),
        preserveAspectRatio="none",
        style="image-rendering: pixelated",
        href="data:image/png;base64," + base64.b64encode(png(shape.pixels)).decode(),
    )


def path(points: Float[np.ndarray, "k 2"]) -> str:
    """Path commands through the points; a place that is not a number lifts the pen."""
    is_there = np.isfinite(points.sum(axis=1))
    starts = is_there & ~np.concatenate([[False], is_there[:-1]])
    pieces = (
        f"{'M' if start else 'L'}{_number(x)} {_number(y)}"
        for (x, y), start, there in zip(points.tolist(), starts, is_there, strict=True)
        if there
    )
    return "".join(pieces)


def png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A PNG file (PNG specification, section 11.2: IHDR, IDAT, IEND; 8 bits, RGB)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # filter 0 before each
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _corners(drawing: Drawing) -> Float[np.ndarray, "4 2"]:
    w, h = drawing.width, drawing.height
    return np.array([[0, 0], [w, 0], [w, h], [0, h]], float)


def _number(value: Number) -> str:
    return f"{value:.1f}".removesuffix(".0")
