"""The pictures of a job, for the page and for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from foldwright.reports.alignments import IDENTITIES, Depth
from foldwright.reports.complexes import Sample
from foldwright.reports.drawing import Area, Axes, Drawing, Line, Number, Picture, Text
from foldwright.reports.maps import chain_names, chain_pair_plot, contact_plot, pae_plot
from foldwright.reports.palette import CLASSES, confidence_class
from foldwright.reports.results import Chain, Model, Results
from foldwright.reports.words import (
    MATRICES,
    describe_depth,
    describe_plddt,
    describe_recycling,
)

LEFT, RIGHT, TOP, BOTTOM = 58, 20, 26, 44  # margins around axes


def plddt_plot(results: Results, width: Number = 900, height: Number = 250) -> Drawing:
    """pLDDT of every model along the residues, the best one last and on top."""
    axes = _axes(width, height, (0.5, results.size + 0.5), (0, 100))
    shapes = [axes.band(low, high, f"class{i}", 0.16) for i, (low, high, _) in enumerate(CLASSES)]
    shapes += _atom_range(axes, results.models[0])
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


def _atom_range(axes: Axes, model: Model) -> list[Area]:
    """From the lowest to the highest atom of each token, where a network judges atoms."""
    if not isinstance(model, Sample):
        return []
    low, high = model.tokens.ranges(model.atoms.b_factors)
    places = np.arange(1, len(low) + 1)
    outline = np.concatenate([axes.points(places, high), axes.points(places[::-1], low[::-1])])
    return [Area(points=outline, colour="quiet", opacity=0.35, label="range")]


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
    seen, flat = skeleton.seen, skeleton.positions @ (skeleton.directions * [[1], [-1], [1]]).T  # y grows downwards
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
        if model.contacts is not None:
            found[f"{model.name}_contacts"] = contact_plot(results, model, palette)
        for matrix in MATRICES if len(results.chains) > 1 else ():
            if matrix.key in model.scores:
                found[f"{model.name}_{matrix.key}"] = chain_pair_plot(results, model, matrix, palette)
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
    return [axes.rule(chain.start + 0.5, "ink", 0.8) for chain in chains[1:]] + chain_names(axes, chains)


def _dot(at: Float[np.ndarray, " 2"], radius: Number = 3.5, colour: str = "ink") -> Area:
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    return Area(points=at + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), colour=colour)
