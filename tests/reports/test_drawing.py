"""Shapes, axes and the two ways they are written."""

import xml.etree.ElementTree as ElementTree
from io import BytesIO

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.reports import write_figures
from foldwright.reports.drawing import Area, Axes, Drawing, Line, Picture, Text, ticks
from foldwright.reports.palette import PALETTES, confidence_class, ramp_pixels
from foldwright.reports.svg import path, png, svg, svg_file

NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 100, 5, [0, 20, 40, 60, 80, 100]),
        (0.5, 76.5, 4, [20, 40, 60]),
        (54.5, 0.5, 3, [20, 40]),
        (0, 0.9, 4, [0, 0.5]),
        (0, 7, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_ticks_are_round_and_not_too_many(low, high, most, expected):
    assert ticks(low, high, most) == expected


def test_axes_put_values_where_they_belong():
    axes = Axes(left=10, top=20, width=100, height=50, x_range=(0, 10), y_range=(0, 5))
    np.testing.assert_allclose(axes.points([0, 10, 5], [0, 5, 2.5]), [[10, 70], [110, 20], [60, 45]])


def test_a_line_is_interrupted_where_a_value_is_missing():
    points = np.array([[0, 0], [1, 1], [np.nan, 0], [3, 3], [4, 4.25]])
    assert path(points) == "M0 0L1 1M3 3L4 4.2"


def test_a_picture_is_a_png_of_its_pixels():
    from matplotlib.image import imread

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(np.rint(imread(BytesIO(png(pixels))) * 255), pixels)


def drawing():
    shapes = [
        Area(points=np.array([[0.0, 0], [5, 0], [5, 5]]), colour="class0", opacity=0.5),
        Line(points=np.array([[0.0, 0], [9, 9]]), colour="ink", label="m0"),
        Text(x=1, y=2, text="a < b & c", colour="quiet", is_upright=True),
        Picture(left=0, top=0, width=5, height=5, pixels=np.zeros((2, 2, 3), np.uint8)),
    ]
    return Drawing(width=10, height=10, title="Some <picture>", description="What it shows.", shapes=shapes)


def test_a_file_has_its_colours_and_words_inside():
    root = ElementTree.fromstring(svg_file(drawing(), PALETTES["alphafold"]))
    assert root.findtext(f"{NAMESPACE}title") == "Some <picture>"
    assert root.findtext(f"{NAMESPACE}text") == "a < b & c"
    fills = [element.get("fill") for element in root.iter(f"{NAMESPACE}path")]
    assert fills == ["#ffffff", "#0053d6", "none"]
    assert not [element for element in root.iter() if element.get("class")]


def test_a_page_colours_by_class_and_shows_no_title_on_hover():
    root = ElementTree.fromstring(svg(drawing()))
    assert root.get("aria-label") == "Some <picture>. What it shows."
    assert [element.get("class") for element in root.iter(f"{NAMESPACE}path")] == ["f-class0", "s-ink"]
    assert root.find(f"{NAMESPACE}title") is None


def lightness(colour):
    """CIE L* of an sRGB colour (IEC 61966-2-1; CIE 15)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot(linear, [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(luminance) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_the_safe_palette_is_told_apart_without_any_hue():
    steps = np.diff([lightness(PALETTES["safe"][f"class{i}"]) for i in range(4)])
    assert (steps > 12).all()
    ramp = ramp_pixels(np.linspace(0, 30, 40)[None], 30, "safe")[0]
    assert (np.diff([lightness("#" + bytes(pixel).hex()) for pixel in ramp]) > 0).all()


def test_class_borders_are_those_of_the_alphafold_database():
    assert [confidence_class(value) for value in (90.1, 90, 70.1, 70, 50.1, 50, 0)] == [0, 1, 1, 2, 2, 3, 3]


def test_figures_are_written_in_every_format(tmp_path, make_job):
    from matplotlib.image import imread

    written = write_figures(make_job(tmp_path / "job", [25]), ["svg", "png", "pdf"])
    names = {path.stem for path in written if path.suffix == ".svg"}
    assert names == {
        "plddt",
        "recycling",
        "coverage_A_unpaired",
        "model_1_ptm_seed0_pae",
        "model_1_ptm_seed0_backbone",
    }
    assert len(written) == 3 * len(names)
    for path_ in written:
        start = path_.read_bytes()[:5]
        assert start == {".svg": b"<?xml", ".png": b"\x89PNG\r", ".pdf": b"%PDF-"}[path_.suffix]
    map_ = imread(tmp_path / "job" / "figures" / "model_1_ptm_seed0_pae.png")[100:1200, 200:1200, :3]
    assert map_.std() > 0.05
    assert (map_[..., 1] > map_[..., 0] + 0.1).mean() > 0.5  # the green of the map


@pytest.mark.parametrize(("formats", "palette"), [(["gif"], "alphafold"), (["svg"], "rainbow")])
def test_unknown_formats_and_palettes_are_refused(monomer, formats, palette):
    with pytest.raises(InputError, match="Use "):
        write_figures(monomer, formats, palette)
    assert not (monomer / "figures").exists()
