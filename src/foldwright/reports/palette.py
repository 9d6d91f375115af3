"""Colours by what they stand for, for pictures in files; report.css holds the same for the page.

pLDDT: the four classes and colours of the AlphaFold Protein Structure Database. Chains: Okabe and Ito's colours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8

COMMON = {
    "ink": "#1b1f24",
    "quiet": "#57606a",
    "line": "#d0d7de",
    "paper": "#ffffff",
    **{
        f"chain{i}": colour
        for i, colour in enumerate(
            ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#9a8f00", "#6b6b6b")
        )
    },
    **{f"identity{i}": colour for i, colour in enumerate(("#e8eef7", "#bdd0ea", "#86a9d8", "#4a7fc0", "#16508f"))},
}

ALPHAFOLD = COMMON | {"class0": "#0053d6", "class1": "#65cbf3", "class2": "#ffdb13", "class3": "#ff7d45"}
# From dark to light, so that the order is seen without any hue.
SAFE = COMMON | {"class0": "#2b4fa2", "class1": "#7d7f92", "class2": "#c0a94e", "class3": "#fbe45b"}

PALETTES: Mapping[str, Mapping[str, str]] = {"alphafold": ALPHAFOLD, "safe": SAFE}

PAE_RAMPS = {
    "alphafold": ("#0b4d1e", "#3f9b50", "#a5d8a0", "#ffffff"),
    "safe": ("#00224e", "#575d6d", "#a59c74", "#fee838"),  # cividis
}

CLASSES = (  # above, below, name; the AlphaFold database's words
    (90, 100, "very high"),
    (70, 90, "confident"),
    (50, 70, "low"),
    (0, 50, "very low"),
)


def confidence_class(plddt: float | int) -> int:
    """0 very high, 1 confident, 2 low, 3 very low."""
    return next((i for i, (low, _, _) in enumerate(CLASSES) if plddt > low), len(CLASSES) - 1)


def ramp_pixels(values: Float[np.ndarray, "h w"], top: float | int, palette: str) -> UInt8[np.ndarray, "h w 3"]:
    """Colours for values from 0 to `top`."""
    stops = np.array([_rgb(colour) for colour in PAE_RAMPS[palette]], float)
    at = np.clip(values / top, 0, 1) * (len(stops) - 1)
    left = np.minimum(at.astype(int), len(stops) - 2)
    share = (at - left)[..., None]
    return np.rint(stops[left] * (1 - share) + stops[left + 1] * share).astype(np.uint8)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def style_sheet() -> str:
    """The colours as variables of a style sheet, and a class for each to fill, to draw and to lie behind."""
    return "\n".join(
        [
            f":root{{{_variables('alphafold')}}}",
            f":root[data-palette=safe]{{{_variables('safe')}}}",
            *(
                f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}.b-{name}{{background:var(--{name})}}"
                for name in ALPHAFOLD
            ),
        ]
    )


def _variables(palette: str) -> str:
    ramp = PAE_RAMPS[palette]
    colours = {**PALETTES[palette], "errors": " ".join(ramp), "error-key": f"linear-gradient(90deg,{','.join(ramp)})"}
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
