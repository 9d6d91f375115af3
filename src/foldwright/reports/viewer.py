"""The part of the page that scripts bring to life: structure, error map, pLDDT curve and what governs them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from foldwright.reports.markup import Markup, table, tag
from foldwright.reports.palette import CLASSES
from foldwright.reports.plots import backbone_plot
from foldwright.reports.results import Chain, Model, Results
from foldwright.reports.sections import plddt_figure, section
from foldwright.reports.svg import svg
from foldwright.reports.words import describe_errors, describe_plddt

MAPS = {"errors": "expected error", "contacts": "contact probability"}
BLOCKS = 8  # of residues in the table of errors of a single chain


def viewer(results: Results) -> Markup:
    """Everything about the model that is chosen; without scripts, the best one as a still picture."""
    has_errors = any(model.pae is not None for model in results.models)
    unit = results.unit
    return section(
        "look",
        "Structure and confidence",
        tag("noscript", tag("p", "Scripts are off: the pictures below are still ones.", class_="quiet")),
        _controls(results, has_errors),
        tag("div", _structure(results), _errors(results) if has_errors else None, class_="pair-of-views"),
        tag("p", f"Point at a {unit}, or drag over the map or the curve.", id="readout", role="status"),
        plddt_figure(results),
        tag("p", describe_plddt(results.models[0].plddt, results.chains), id="plddt-says"),
        tag("details", tag("summary", f"Every {unit} as a table"), _residue_table(), id="residues"),
        *(_error_tables(results) if has_errors else ()),
    )


def _residue_table() -> Markup:
    """Filled by the script when it is opened: most readers never do, and a large complex has thousands of rows."""
    return tag("div", id="residue-table", class_="scroll", tabindex="0", role="region", aria_label="Every residue")


def _controls(results: Results, has_errors: bool) -> Markup:
    colourings = {"plddt": "pLDDT", "chain": "chain", "position": "place in the chain"}
    colourings |= {"element": "element"} if results.unit == "token" else {}
    colourings |= {"error": "error seen from the selection"} if has_errors else {}
    styles = {"cartoon": "cartoon", "sticks": "cartoon and side chains", "trace": "backbone trace"}
    return tag(
        "div",
        _models(results) if len(results.models) > 1 else None,
        _select("colouring", "Colour by", colourings),
        _select("style", "Show as", styles),
        _select("map", "Map", MAPS) if any(model.contacts is not None for model in results.models) else None,
        tag("label", tag("input", type="checkbox", id="safe"), " colour-blind safe"),
        tag("button", "Reset view", type="button", id="reset"),
        tag("button", "Clear selection", type="button", id="clear", disabled=True),
        tag("button", "Save picture", type="button", id="save-picture"),
        tag("button", "Save structure", type="button", id="save-structure"),
        class_="controls",
        role="group",
        aria_label="What is shown",
    )


def _select(name: str, label: str, options: dict[str, str]) -> Markup:
    found = (tag("option", text, value=value) for value, text in options.items())
    return tag("label", f"{label} ", tag("select", *found, id=name))


def _models(results: Results) -> Markup:
    """The choice of one, samples of one seed together."""
    options = [(tag("option", model.name, value=i), model) for i, model in enumerate(results.models)]
    seeds = {
        seed: [o for o, model in options if _seed(model) == seed] for seed in dict.fromkeys(map(_seed, results.models))
    }
    groups = [tag("optgroup", *found, label=f"seed {seed}") for seed, found in seeds.items()]
    return tag("label", "Model ", tag("select", *(groups if len(groups) > 1 else [o for o, _ in options]), id="model"))


def _seed(model: Model) -> object:
    return getattr(model, "seed", None)


def _structure(results: Results) -> Markup:
    key = [
        tag("li", tag("span", class_=f"swatch b-class{i}", aria_hidden="true"), f" {name} ({low}-{high})")
        for i, (low, high, name) in enumerate(CLASSES)
    ]
    return tag(
        "figure",
        tag(
            "div",
            svg(backbone_plot(results, results.models[0]), class_="still"),
            id="structure",
            tabindex="0",
            role="application",
            aria_label="Structure in three dimensions. Arrow keys turn it, plus and minus zoom, Home resets it.",
        ),
        tag("figcaption", tag("span", "pLDDT: "), tag("ul", *key, class_="key"), id="structure-key"),
    )


def _errors(results: Results) -> Markup:
    best = next(model for model in results.models if model.pae is not None)
    assert best.pae is not None
    unit = results.unit
    return tag(
        "figure",
        tag(
            "canvas",
            id="errors",
            tabindex="0",
            role="application",
            aria_label="Map of the predicted aligned error. "
            f"{describe_errors(best.pae, results.chains)} Arrow keys move a cursor, with Shift they select a block, "
            "Escape clears. The same as a table below.",
        ),
        tag(
            "figcaption",
            tag("span", "0 Å"),
            tag("span", class_="ramp", aria_hidden="true"),
            tag("span", f"{best.max_pae:.0f} Å", id="errors-top"),
            tag("span", f"expected error of the column's {unit} when the row's is laid in place", class_="quiet"),
            class_="key",
            data_map="errors",
        ),
        _contact_key() if best.contacts is not None else None,
        _entity_key(results.chains),
    )


def _contact_key() -> Markup:
    return tag(
        "figcaption",
        tag("span", "0"),
        tag("span", class_="ramp back", aria_hidden="true"),
        tag("span", "1"),
        tag("span", "probability that the two lie within 8 Å", class_="quiet"),
        class_="key",
        data_map="contacts",
        hidden=True,
    )


def _entity_key(chains: tuple[Chain, ...]) -> Markup | None:
    """The stripes along the axes: which chains are copies of what."""
    entities = {chain.entity: chain.kind for chain in chains if chain.entity}
    if len(chains) < 2 or not entities:
        return None
    items = [
        tag(
            "li",
            tag("span", class_=f"swatch b-chain{(entity - 1) % 8}", aria_hidden="true"),
            f" {', '.join(chain.name for chain in chains if chain.entity == entity)} ({kind})",
        )
        for entity, kind in entities.items()
    ]
    return tag("figcaption", tag("ul", *items, class_="key"))


def _error_tables(results: Results) -> Iterator[Markup]:
    """The error map in words: means over blocks, for those who cannot see it."""
    parts = [
        tag("div", _error_table(results, model), data_model=i)
        for i, model in enumerate(results.models)
        if model.pae is not None
    ]
    yield tag("details", tag("summary", "Expected errors as a table"), *parts)


def _error_table(results: Results, model: Model) -> Markup:
    assert model.pae is not None
    blocks = list(_blocks(results.chains))
    rows = [[name, *(f"{model.pae[a:b, c:d].mean():.1f}" for _, c, d in blocks)] for name, a, b in blocks]
    caption = f"Mean expected error in Å, {model.name}: rows are laid in place, columns are looked at"
    return table(caption, ["residues", *(name for name, _, _ in blocks)], rows)


def _blocks(chains: tuple[Chain, ...]) -> Iterator[tuple[str, int, int]]:
    """Names and borders: the chains, or equal parts of a single one."""
    if len(chains) == 1:
        length = chains[0].stop
        borders = np.unique(np.linspace(0, length, min(BLOCKS, length) + 1).round().astype(int)).tolist()
        yield from ((f"{a + 1}-{b}", a, b) for a, b in pairwise(borders))
    else:
        yield from ((chain.name, chain.start, chain.stop) for chain in chains)
