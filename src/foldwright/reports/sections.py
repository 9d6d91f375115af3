"""The parts of the page that are text and tables; they are whole without any script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from foldwright.reports import evidence, execution
from foldwright.reports.alignments import IDENTITIES, Depth
from foldwright.reports.chemistry import ligand_warnings
from foldwright.reports.complexes import ComplexResults, Sample
from foldwright.reports.drawing import Drawing
from foldwright.reports.interfaces import complex_tables, count_chains
from foldwright.reports.markup import Markup, html, table, tag
from foldwright.reports.plots import coverage_plot, plddt_plot, recycling_plot
from foldwright.reports.results import Model, Results
from foldwright.reports.svg import svg
from foldwright.reports.words import (
    COMPLEX_SCORES,
    MATRICES,
    PAIR_SCORES,
    SCORES,
    Score,
    describe_depth,
    describe_recycling,
    verdicts,
)

HEADLINES = ("ranking_score", "mean_plddt", "ptm", "iptm", "fraction_disordered")
WIDE, NARROW = 1140, 400  # pixels of a picture on a screen and on a phone


def header(results: Results) -> Markup:
    """Name, size, what stands behind it."""
    return tag("header", tag("h1", results.name), tag("p", " · ".join(_facts(results)), class_="quiet"))


def _facts(results: Results) -> Iterator[str]:
    chains = results.chains
    if chains:
        yield f"{results.size:,} {results.unit}s"
        yield count_chains(chains)
    if results.models:
        yield _count_models(results)
        rows = results.models[0].record.get("msa_rows")
        if rows is not None or results.run.get("versions"):
            yield f"{rows:,} sequences in the alignment" if rows and rows > 1 else "no alignment"
    if seconds := execution.total_seconds(results):
        yield execution.in_words(seconds)


def _count_models(results: Results) -> str:
    count = len(results.models) + len(results.others)
    if isinstance(results, ComplexResults):
        seeds = len({model.name.partition("_")[0] for model in (*results.models, *results.others)})
        return f"{count} sample{'s' * (count > 1)} of {seeds} seed{'s' * (seeds > 1)}"
    return f"{count} model{'s' * (count > 1)}"


def summary(results: Results) -> Markup:
    """What a newcomer has to know first: warnings, then the headline scores with what they say."""
    cards = [
        tag("div", tag("dt", name), tag("dd", tag("b", value), " ", says), class_="card")
        for name, value, says in verdicts(results)
    ]
    found = [*evidence.warnings(results), *(ligand_warnings(results) if isinstance(results, ComplexResults) else ())]
    warnings = map(warning, found)
    if not cards:
        return html(*warnings)
    title = tag("h2", f"How far to trust the best model, {results.models[0].name}")
    known = COMPLEX_SCORES if results.unit == "token" else SCORES
    shown = [s for name, s in known.items() if name in HEADLINES and results.models[0].scores.get(name) is not None]
    return html(*warnings, title, tag("dl", *cards, class_="cards"), meanings(shown))


def warning(text: str) -> Markup:
    return tag("p", tag("strong", "Warning: "), text, class_="warning", role="note")


def failure(results: Results) -> Markup:
    """Why there is no structure."""
    status = results.status.get("status", "unknown")
    why = results.status.get("why")
    words = {"failed": "This job failed.", "interrupted": "This job was interrupted. The same command goes on."}
    traceback = "".join(results.status.get("traceback") or ())
    return section(
        "state",
        "No structure yet",
        tag("p", words.get(status, f"State of this job: {status}."), class_="warning", role="note"),
        tag("p", why) if why else None,
        tag("details", tag("summary", "Where in the program"), tag("pre", traceback)) if traceback else None,
    )


def ranking(results: Results) -> Markup:
    """The models in their order; a choice among them where there are several."""
    values: Mapping[str, float] = results.ranking.get("values") or {}
    head = ["model", results.ranked_by, "mean pLDDT", "pTM", "ipTM", "recycles", "seconds", "files"]
    rows = [
        [
            _choice(i, model.name, i < len(results.models) > 1),
            _number(values.get(model.name), 3),
            _number(model.scores.get("mean_plddt"), 1),
            _number(model.scores.get("ptm"), 2),
            _number(model.scores.get("iptm"), 2),
            model.record.get("recycles_done"),
            _number(sum(stage.get("seconds", 0) for stage in model.stages.values()) or None, 0),
            _files(model),
        ]
        for i, model in enumerate([*results.models, *results.others])
    ]
    keep = [i for i, name in enumerate(head) if i < 2 or any(row[i] is not None for row in rows)]
    keep = [i for i in keep if not (head[i] == "mean pLDDT" and results.ranked_by == "mean pLDDT")]
    caption = f"Models by {results.ranked_by}, best first"
    more = f"This page carries the best {len(results.models)}; the others are listed." if results.others else None
    return section(
        "ranking",
        "Models",
        table(caption, [head[i] for i in keep], [[row[i] for i in keep] for row in rows]),
        tag("p", more, class_="quiet") if more else None,
    )


def _choice(i: int, name: str, is_open: bool) -> Markup:
    if not is_open:
        return html(name)
    button = tag("input", type="radio", name="model", value=i, id=f"model-{i}", checked=i == 0, disabled=True)
    return tag("label", button, " ", name, for_=f"model-{i}")


def _files(model: Model) -> Markup:
    links = (tag("a", what, href=file) for what, file in model.links.items())
    return html(*(piece for link in links for piece in (link, " ")))


def chains(results: Results) -> Markup | None:
    """Each chain, and each two of them, of the model that is chosen."""
    if isinstance(results, ComplexResults):
        return _complex_chains(results)
    if len(results.chains) < 2:
        return None
    parts = [tag("div", *_chain_tables(results, model), data_model=i) for i, model in enumerate(results.models)]
    known = [name for name in PAIR_SCORES if any(_has(model, name) for model in results.models)]
    return section("chains", "Chains and interfaces", *parts, meanings(SCORES[name] for name in known))


def _complex_chains(results: ComplexResults) -> Markup:
    parts = [
        tag("div", *complex_tables(results, model), data_model=i)
        for i, model in enumerate(results.models)
        if isinstance(model, Sample)
    ]
    known = [COMPLEX_SCORES[matrix.key] for matrix in MATRICES]
    return section("chains", "Chains and interfaces", *parts, meanings(known) if len(results.chains) > 1 else None)


def meanings(scores: Iterable[Score]) -> Markup:
    """Definitions, folded away."""
    found = [tag("div", tag("dt", s.label, " ", tag("small", s.range)), tag("dd", s.meaning)) for s in scores]
    return tag("details", tag("summary", "What these scores mean"), tag("dl", *found))


def _chain_tables(results: Results, model: Model) -> Iterator[Markup]:
    alone: Mapping[str, Mapping[str, Any]] = model.scores.get("chains") or {}
    rows = [
        [
            chain.name,
            f"{len(chain.sequence):,}",
            _number((alone.get(chain.name) or {}).get("mean_plddt"), 1),
            _number((alone.get(chain.name) or {}).get("ptm"), 2),
        ]
        for chain in results.chains
    ]
    yield table(f"Chains of {model.name}", ["chain", "residues", "mean pLDDT", "pTM"], rows)
    pairs: Mapping[str, Mapping[str, Any]] = model.scores.get("chain_pairs") or {}
    if pairs:
        shown = [name for name in PAIR_SCORES if _has(model, name)]
        lines = [
            [
                tag(
                    "button",
                    pair,
                    type="button",
                    class_="pair",
                    data_rows=pair.split("-")[0],
                    data_columns=pair.split("-")[1],
                ),
                *(_both(found, n) for n in shown),
            ]
            for pair, found in pairs.items()
        ]
        yield table(f"Interfaces of {model.name}", ["chains", *(SCORES[name].label for name in shown)], lines)


def _has(model: Model, name: str) -> bool:
    return any(pair.get(name) is not None for pair in (model.scores.get("chain_pairs") or {}).values())


def _both(pair: Mapping[str, Any], name: str) -> object:
    """A score, and where the two directions differ, each of them: aligned on the first chain, on the second."""
    value, there, back = (pair.get(key) for key in (name, f"{name}_forward", f"{name}_backward"))
    digits = SCORES[name].digits
    text = _number(value, digits)
    if there is None or back is None or _number(there, digits) == _number(back, digits):
        return text
    return html(text, tag("small", f" → {_number(there, digits)} ← {_number(back, digits)}", class_="ways"))


def alignments(results: Results, depths: Sequence[Depth]) -> Markup | None:
    """What is known of relatives: sources, depth, pairing."""
    if not depths and not evidence.chain_records(results):
        return None
    source = [
        [f"chain {chain['chain']}", chain.get("residues"), evidence.alignment_source(chain), _rows(chain)]
        for chain in evidence.chain_records(results)
    ]
    found = list(evidence.searches(results))
    used = results.models[0].record if results.models else {}
    read = (
        f"The best model read {used['msa_clusters_used']:,} rows as cluster centres and "
        f"{used.get('msa_extra_rows_used', 0):,} as extra rows."
        if "msa_clusters_used" in used
        else None
    )
    pairing = evidence.pairing(results)
    return section(
        "alignment",
        "Alignment",
        *(html(figures(coverage_plot(d, WIDE), coverage_plot(d, NARROW)), tag("p", describe_depth(d))) for d in depths),
        _identities(depths) if depths else None,
        tag("p", pairing) if pairing else None,
        table("Where the alignments came from", ["chain", "residues", "source", "rows"], source) if source else None,
        table("Searches", ["chain", "database", "program", "hits", "seconds"], found) if found else None,
        tag("p", read) if read else None,
    )


def _rows(chain: Mapping[str, Any]) -> str:
    return f"{chain.get('alignment_rows') or 0:,}"


def _identities(depths: Sequence[Depth]) -> Markup:
    """The classes of identity: legend and table in one."""
    bounds = [*IDENTITIES[1:], 1.0]
    names = [f"{100 * low:.0f}-{100 * high:.0f}%" for low, high in zip(IDENTITIES, bounds, strict=True)]
    head = ["rows by identity to the query", *(_swatch(f"identity{i}", name) for i, name in enumerate(names))]
    rows = [[f"chain {d.chain}, {d.kind}", *(f"{count:,}" for count in d.class_rows)] for d in depths]
    return table("How close the sequences are", head, rows)


def _swatch(colour: str, name: str) -> Markup:
    return html(tag("span", class_=f"swatch b-{colour}", aria_hidden="true"), " ", name)


def templates(results: Results) -> Markup | None:
    """Which structures of relatives were used, and which were not and why."""
    if not evidence.chain_records(results):
        return None
    used, rejected = list(evidence.templates_used(results)), list(evidence.templates_rejected(results))
    read = results.models[0].record.get("templates_used", len(used)) if results.models else 0
    says = f"The best model read {read}." if read else "The best model read no template."
    return section(
        "templates",
        "Templates",
        tag("p", says),
        table("Templates used", ["chain", "template", "file", "residues"], used) if used else None,
        table("Hits that were not used", ["chain", "reason", "hits", "which"], rejected) if rejected else None,
    )


def recycling(results: Results) -> Markup | None:
    """How the structure settled."""
    if not any(model.record.get("moved_angstrom") for model in results.models):
        return None
    longest = max(len(model.record.get("moved_angstrom") or ()) for model in results.models)
    rows = [
        [model.name, *_padded([f"{x:.2f}" for x in model.record.get("moved_angstrom") or ()], longest)]
        for model in results.models
    ]
    return section(
        "recycling",
        "Recycling",
        tag(
            "p",
            "The network reads its own result again. How far Cα distances moved from one pass to the next says whether "
            "the structure has settled: values that do not fall are a sign of doubt.",
        ),
        figures(recycling_plot(results.models)),
        tag("p", describe_recycling(results.models[0])),
        tag(
            "details",
            tag("summary", "As a table"),
            table("Cα moved in each recycle, Å", ["model", *(f"{i + 1}" for i in range(longest))], rows),
        ),
    )


def _padded(cells: list[str], length: int) -> list[str | None]:
    return [*cells, *[None] * (length - len(cells))]


def relaxation(results: Results) -> Markup | None:
    """What restrained minimisation mended and moved."""
    relaxed = [(model.name, model.record["relaxation"]) for model in results.models if model.record.get("relaxation")]
    if not relaxed:
        return None
    head = ["model", "residues with violations before", "after", "energy before, kcal/mol", "after", "moved, Å RMSD"]
    rows = [[name, *_relaxed(record)] for name, record in relaxed]
    left = [
        html(tag("b", name), f": {', '.join(record['unresolved'])}")
        for name, record in relaxed
        if record.get("unresolved")
    ]
    return section(
        "relaxation",
        "Relaxation",
        tag("p", "The structure shown is the relaxed one: clashes and bad bonds were relieved, little else was moved."),
        table("Relaxed models", head, rows),
        *(tag("p", "Violations remain in ", text) for text in left),
    )


def _relaxed(record: Mapping[str, Any]) -> Iterator[str | None]:
    violations, energy = record.get("violations") or {}, record.get("energy") or {}
    for moment in ("before", "after"):
        count = (violations.get(moment) or {}).get("residues")
        yield None if count is None else str(count)
    for moment in ("before", "after"):
        yield _number(energy.get(moment), 1)
    yield _number((record.get("displacement") or {}).get("rmsd"), 2)


def how(results: Results) -> Markup | None:
    """Command, times, machine, versions; of another program's results nothing is known."""
    if not results.run.get("versions") and not results.machine and not results.status:
        return None
    command = execution.command(results)
    facts = [tag("div", tag("dt", name), tag("dd", text)) for name, text in execution.facts(results)]
    head, times = execution.stages(results)
    return section(
        "how",
        "How it was made",
        tag("p", "The command:") if command else None,
        tag("pre", tag("code", command), tabindex="0") if command else None,
        tag("dl", *facts, class_="facts"),
        table("Seconds in each stage, and the highest memory", head, times) if times else None,
    )


def section(name: str, title: str, *content: object) -> Markup:
    return tag("section", tag("h2", title, id=f"{name}-title"), *content, id=name, aria_labelledby=f"{name}-title")


def figures(wide: Drawing, narrow: Drawing | None = None) -> Markup:
    """A picture, in another shape on a phone where that is given: text would grow too small by scaling."""
    parts = [svg(wide, class_="wide" if narrow else None)]
    parts += [svg(narrow, class_="narrow")] if narrow else []
    return tag("figure", *parts, class_="plot")


def plddt_figure(results: Results) -> Markup:
    return tag("div", figures(plddt_plot(results, WIDE), plddt_plot(results, NARROW)), id="plddt")


def _number(value: float | int | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
