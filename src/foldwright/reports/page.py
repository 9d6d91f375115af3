"""One file that shows everything about a job: text and tables as they are, pictures drawn by the browser."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

import foldwright
from foldwright.io.atomic import atomic_write
from foldwright.reports.alignments import Depth, depths_of
from foldwright.reports.complexes import ComplexResults, Sample
from foldwright.reports.folders import read_folder
from foldwright.reports.ligands import ligands
from foldwright.reports.markup import Markup, tag
from foldwright.reports.palette import style_sheet
from foldwright.reports.results import Chain, Model, Results
from foldwright.reports.sections import (
    alignments,
    chains,
    failure,
    header,
    how,
    ranking,
    recycling,
    relaxation,
    summary,
    templates,
)
from foldwright.reports.viewer import viewer

SCRIPTS = (
    "data.js",
    "state.js",
    "palette.js",
    "structure.js",
    "errors.js",
    "curve.js",
    "words.js",
    "controls.js",
    "page.js",
)
LIBRARY = "3Dmol-min.js"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
PAE_STEP = 0.2  # angstrom: finer than what the network's bins of 0.5 angstrom can mean
CONTACT_STEP = 0.01  # as AlphaFold 3 writes them


def write_report(folder: str | Path) -> Path:
    """Write report.html into a job's folder, from the files that are there.

    Raises:
        InputError: it is no folder of results, or a file in it is missing or damaged.
    """
    folder = Path(folder)
    results = read_folder(folder)
    with atomic_write(folder / "report.html") as file:
        file.write(report_html(results))
    return folder / "report.html"


def report_html(results: Results) -> str:
    """The whole page."""
    depths = depths_of(results)
    content = _content(results, depths) if results.models else [failure(results), how(results)]
    body = tag(
        "body",
        header(results),
        tag("main", summary(results), *content),
        footer(),
        *_blobs(results),
        tag("script", Markup("\n".join(map(asset, SCRIPTS))), type="module"),
    )
    return document(results.name, body)


def _content(results: Results, depths: Sequence[Depth]) -> list[Markup | None]:
    return [
        viewer(results),
        ranking(results),
        chains(results),
        ligands(results) if isinstance(results, ComplexResults) else None,
        alignments(results, depths),
        templates(results),
        recycling(results),
        relaxation(results),
        how(results),
    ]


def document(title: str, body: Markup) -> str:
    """A page that may load nothing, from nowhere: the policy holds even for the library inside it."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Foldwright"),
        tag("style", Markup(style_sheet() + asset("report.css"))),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def footer() -> Markup:
    """Who made the page, and whose work is in it."""
    return tag(
        "footer",
        tag(
            "p",
            f"Foldwright {foldwright.__version__}. A prediction is a hypothesis: none of its scores has seen an "
            "experiment. This file opens without a network and sends nothing. Structure drawn by 3Dmol.js "
            "(Rego & Koes 2015, BSD licence).",
        ),
        class_="quiet",
    )


def _blobs(results: Results) -> list[Markup]:
    """Data that the scripts read: a small JSON object, and what is unpacked when it is needed."""
    found = [tag("script", _json(page_data(results)), type="application/json", id="data")]
    if results.models:
        found.append(_blob("library", asset(LIBRARY).encode()))
    for i, model in enumerate(results.models):
        found.append(_blob(f"structure-{i}", model.structure_bytes))
        if model.pae is not None:
            found.append(_blob(f"errors-{i}", packed(model.pae, PAE_STEP)))
        if model.contacts is not None:
            found.append(_blob(f"contacts-{i}", packed(model.contacts, CONTACT_STEP)))
    return found


def page_data(results: Results) -> dict[str, Any]:
    """What the scripts need to know of the job."""
    return {
        "job": results.name,
        "chains": [_chain_data(chain) for chain in results.chains],
        "unit": results.unit,
        "models": [_model_data(model) for model in results.models],
        "steps": {"errors": PAE_STEP, "contacts": CONTACT_STEP},
    }


def _chain_data(chain: Chain) -> dict[str, Any]:
    """A chain; of a complex with its tokens: number of the residue, name, atom."""
    found: dict[str, Any] = {"name": chain.name, "start": chain.start, "size": chain.size, "kind": chain.kind}
    if not chain.places:
        return found | {"sequence": chain.sequence}
    return found | {"entity": chain.entity, "places": [[p.number, p.name, p.atom] for p in chain.places]}


def _model_data(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "plddt": [round(float(value), 1) for value in model.plddt],
        "turn": [round(float(value), 4) for value in model.skeleton.turn],
        "max_pae": None if model.pae is None else model.max_pae,
        "has_contacts": model.contacts is not None,
    } | _complex_data(model)


def _complex_data(model: Model) -> dict[str, Any]:
    """The lowest and highest pLDDT of each token's atoms, and the mean over atoms."""
    if not isinstance(model, Sample):
        return {}
    low, high = model.tokens.ranges(model.atoms.b_factors)
    return {
        "mean_plddt": round(model.scores["mean_plddt"], 1),
        "low": [round(float(value), 1) for value in low],
        "high": [round(float(value), 1) for value in high],
    }


def packed(matrix: Float[np.ndarray, "n n"], step: float) -> bytes:
    """Whole steps, each as the difference to its left neighbour, modulo 256: that packs best."""
    levels = np.clip(np.rint(matrix / step), 0, 255).astype(np.uint8)
    return np.diff(levels, axis=1, prepend=np.zeros((len(levels), 1), np.uint8)).tobytes()


@cache
def asset(name: str) -> str:
    """A file that comes with the package."""
    return files("foldwright.reports").joinpath("assets", name).read_text("utf-8")


def _blob(name: str, data: bytes) -> Markup:
    text = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()
    return tag("script", Markup(text), type="text/plain", id=name)


def _json(value: Any) -> Markup:
    """JSON that cannot end the element it stands in."""
    return Markup(json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"))
