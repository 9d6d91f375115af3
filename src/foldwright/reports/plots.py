"""The pictures of a job, for the page and for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from foldwright.reports.alignments import IDENTITIES, Depth
from foldwright.reports.drawing import Area, Axes, Drawing, Line, Number, Picture, Text
from foldwright.reports.palette import CLASSES, confidence_class, ramp_pixels
from foldwright.reports.results import Chain, Model, Results
from foldwright.reports.words import describe_depth, describe_errors, describe_plddt, describe_recycling

LEFT, RIGHT, TOP, BOTTOM = 58, 20, 26, 44  # margins around axes


def plddt_plot(results: Results, width: Number = 900, height: Number = 250) -> Drawing:
    """pLDDT of every model along the residues, the best one last and on top."""
    axes = _axes(width, height, (0.5, results.size + 0.5), (0, 100))
    shapes = [axes.band(low, high, f"class{i}", 0.16) for i, (low, high, _) in enumerate(CLASSES)]
    places = np.arange(1, results.size + 1)
    lines = [
        Line(points=axes.points(places, model.plddt), label=f"m{i}", colour="ink" if i == 0 else "quiet", width=1.5)
        for i, model in enumerate(results.models)
    ]
    shapes += [*_borders(axes, results.chains), *lines[::-1], *axes.frame(_along(results), "pLDDT")]
    return Drawing(
        width=width,
        height=height,
        title="pLDDT along the sequence",
        description=describe_plddt(results.models[0].plddt, results.chains),
        shapes=shapes,
        data=_place(axes),
    )


def pae_plot(results: Results, model: Model, palette: str, size: Number = 460) -> Drawing:
    """The predicted aligned error: row aligned on, column scored."""
    assert model.pae is not None
    n, inner = results.size, size - LEFT - 24
    axes = Axes(left=LEFT, top=TOP, width=inner, height=inner, x_range=(0.5, n + 0.5), y_range=(n + 0.5, 0.5))
    pixels = ramp_pixels(model.pae, model.max_pae, palette)
    picture = Picture(left=axes.left, top=axes.top, width=inner, height=inner, pixels=pixels)
    borders = [axes.rule(chain.start + 0.5, "ink", 0.8) for chain in results.chains[1:]]
    borders += [Line(points=axes.points(axes.x_range, chain.start + 0.5), width=0.8) for chain in results.chains[1:]]
    key, shapes = _ramp_key(axes, model.max_pae, palette), _chain_names(axes, results.chains)
    return Drawing(
        width=size,
        height=TOP + inner + 88,
        title=f"Predicted aligned error, {model.name}",
        description=describe_errors(model.pae, results.chains),
        shapes=[picture, *borders, *shapes, *axes.frame(f"scored {results.unit}", f"aligned {results.unit}"), *key],
    )


def coverage_plot(depth: Depth, width: Number = 900, height: Number = 210) -> Drawing:
    """How many rows have a residue in each column, the closest to the query at the bottom."""
    n = depth.covering.shape[1]
    axes = _axes(width, height, (0.5, n + 0.5), (0, max(1, int(depth.total.max()))))
    # Each column is a step of its own, so that a gap of one residue is seen.
    x = np.repeat(np.arange(n + 1) + 0.5, 2)[1:-1]
    shapes: list[Area | Line | Text | Picture] = []
    below = np.zeros(n)
    for i in reversed(range(len(IDENTITIES))):
        above = below + depth.covering[i]
        outline = np.concatenate([axes.points(x, np.repeat(above, 2)), axes.points(x[::-1], np.repeat(below[::-1], 2))])
        shapes += [Area(points=outline, colour=f"identity{i}")] if depth.class_rows[i] else []
        below = above
    shapes.append(Line(points=axes.points(x, np.repeat(below, 2)), width=1))
    return Drawing(
        width=width,
        height=height,
        title=f"Sequences over each position of chain {depth.chain}, {depth.kind}",
        description=describe_depth(depth),
        shapes=[*shapes, *axes.frame(f"residue of chain {depth.chain}", "sequences")],
    )


def recycling_plot(models: Sequence[Model], width: Number = 440, height: Number = 230) -> Drawing:
    """How far the alpha carbons' distances still moved from pass to pass."""
    moved = [np.array(model.record.get("moved_angstrom", []), float) for model in models]
    last = max(len(values) for values in moved)
    axes = _axes(width, height, (0.5, last + 0.5), (0, 1.1 * max(float(values.max(initial=0.1)) for values in moved)))
    lines = [
        Line(
            points=axes.points(np.arange(1, len(values) + 1), values),
            label=f"m{i}",
            colour="ink" if i == 0 else "quiet",
        )
        for i, values in enumerate(moved)
    ]
    dots = [_dot(point) for point in (lines[0].points if len(models) else [])]
    return Drawing(
        width=width,
        height=height,
        title="Change from pass to pass",
        description=describe_recycling(models[0]),
        shapes=[*lines[::-1], *dots, *axes.frame("recycle", "Cα moved, Å")],
    )


def backbone_plot(results: Results, model: Model, size: Number = 460) -> Drawing:
    """Traces of chains and bonds of ligands, seen along the direction of least extent, near parts over far ones."""
    skeleton = model.skeleton
    seen = np.unique([i for pair in skeleton.joined for i in pair] + list(skeleton.alone)).astype(int)
    flat = _seen_flat(skeleton.positions, seen)
    low, high = flat[seen].min(axis=0), flat[seen].max(axis=0)
    scale = (size - 24) / max(float((high - low)[:2].max()), 1.0)
    places = (flat[:, :2] - (low + high)[:2] / 2) * scale + size / 2
    shapes: list[Line | Area] = []
    for i, j in sorted([*skeleton.joined, *((i, i) for i in skeleton.alone)], key=lambda pair: flat[pair[0], 2]):
        colour = f"class{confidence_class(float(skeleton.plddt[[i, j]].mean()))}"
        if i == j:
            shapes += [_dot(places[i], 6, "paper"), _dot(places[i], 4.5, colour)]
            continue
        points = places[[i, j]]
        inner = np.array([[0.8, 0.2], [0.2, 0.8]]) @ points  # the rim leaves the joints alone
        shapes += [Line(points=inner, colour="paper", width=7), Line(points=points, colour=colour, width=3.5)]
    return Drawing(
        width=size,
        height=size,
        title=f"Course of {model.name}, coloured by pLDDT",
        description=describe_plddt(model.plddt, results.chains),
        shapes=shapes,
    )


def all_plots(results: Results, depths: Sequence[Depth], palette: str) -> Mapping[str, Drawing]:
    """Every picture that the job has data for, by the name of its file."""
    if not results.models:
        return {}
    found = {"plddt": plddt_plot(results)}
    for model in results.models:
        found[f"{model.name}_backbone"] = backbone_plot(results, model)
        if model.pae is not None:
            found[f"{model.name}_pae"] = pae_plot(results, model, palette)
    found |= {f"coverage_{depth.chain.replace(', ', '')}_{depth.kind}": coverage_plot(depth) for depth in depths}
    if any(model.record.get("moved_angstrom") for model in results.models):
        found["recycling"] = recycling_plot(results.models)
    return found


def _axes(width: Number, height: Number, x: tuple[Number, Number], y: tuple[Number, Number]) -> Axes:
    return Axes(left=LEFT, top=TOP, width=width - LEFT - RIGHT, height=height - TOP - BOTTOM, x_range=x, y_range=y)


def _place(axes: Axes) -> dict[str, Number]:
    return {"left": axes.left, "right": axes.right, "top": axes.top, "bottom": axes.bottom}


def _along(results: Results) -> str:
    return results.unit if len(results.chains) == 1 else f"{results.unit}, chains one after the other"


def _borders(axes: Axes, chains: Sequence[Chain]) -> list[Line | Text]:
    return [axes.rule(chain.start + 0.5, "ink", 0.8) for chain in chains[1:]] + _chain_names(axes, chains)


def _chain_names(axes: Axes, chains: Sequence[Chain]) -> list[Text]:
    """Names over the middle of each chain, where there are several and they fit."""
    if len(chains) == 1:
        return []
    middles = [(chain, float(axes.x((chain.start + chain.stop + 1) / 2))) for chain in chains]
    return [
        Text(x=x, y=axes.top - 8, text=chain.name, anchor="middle")
        for chain, x in middles
        if chain.size / abs(axes.x_range[1] - axes.x_range[0]) * axes.width > 8 * len(chain.name)
    ]


def _ramp_key(axes: Axes, top: Number, palette: str) -> list[Picture | Text]:
    """The colours of the errors under the axes."""
    pixels = ramp_pixels(np.linspace(0, top, 128)[None], top, palette)
    y = axes.bottom + 50
    return [
        Picture(left=axes.left + 30, top=y, width=axes.width - 90, height=10, pixels=pixels),
        Text(x=axes.left + 24, y=y + 10, text="0", anchor="end", colour="quiet"),
        Text(x=axes.right - 54, y=y + 10, text=f"{top:.0f} Å", colour="quiet"),
        Text(x=axes.left + axes.width / 2, y=y + 28, text="expected position error", anchor="middle", colour="quiet"),
    ]


def _dot(at: Float[np.ndarray, " 2"], radius: Number = 3.5, colour: str = "ink") -> Area:
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    return Area(points=at + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), colour=colour)


def _seen_flat(positions: Float[np.ndarray, "n 3"], seen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "n 3"]:
    """Coordinates along the directions of most, second most and least extent."""
    centred = positions - positions[seen].mean(axis=0)
    _, _, directions = np.linalg.svd(centred[seen], full_matrices=False)
    if len(directions) < 3:  # one or two residues have no third direction
        directions = np.eye(3)
    return centred @ directions.T
