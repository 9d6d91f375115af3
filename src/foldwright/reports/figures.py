"""The report's pictures as files for papers and slides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.reports.alignments import depths_of
from foldwright.reports.folders import read_folder
from foldwright.reports.palette import PALETTES
from foldwright.reports.plots import all_plots
from foldwright.reports.raster import draw_file, require_matplotlib
from foldwright.reports.svg import svg_file

SVG = "svg"
FORMATS = (SVG, "png", "pdf")


def check_figures(formats: Sequence[str], palette: str) -> None:
    """Refuse what cannot be drawn, before anything is.

    Raises:
        InputError: an unknown format or palette, or matplotlib is needed and missing.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f'no figures can be made as "{name}".', field="--figures", remedy=f"Use {_or(FORMATS)}.")
    if palette not in PALETTES:
        raise InputError(f'there is no palette "{palette}".', field="--palette", remedy=f"Use {_or(PALETTES)}.")
    if set(formats) - {SVG}:
        require_matplotlib()


def write_figures(folder: str | Path, formats: Sequence[str], palette: str = "alphafold") -> list[Path]:
    """Write every picture of a job into its folder `figures`, in each of the formats.

    Raises:
        InputError: as `check_figures`, or the job's results are missing or damaged.
    """
    check_figures(formats, palette)
    folder = Path(folder)
    results = read_folder(folder)
    plots = all_plots(results, depths_of(results), palette)
    written = []
    for name, drawing in plots.items():
        for kind in dict.fromkeys(formats):
            path = folder / "figures" / f"{name}.{kind}"
            if kind == SVG:
                with atomic_write(path) as file:
                    file.write(svg_file(drawing, PALETTES[palette]))
            else:
                draw_file(drawing, path, PALETTES[palette])
            written.append(path)
    return written


def _or(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"
