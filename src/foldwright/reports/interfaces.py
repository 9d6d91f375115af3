"""Chains of a complex and each two of them: a table, and a matrix whose cells are chosen by a click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foldwright.reports.complexes import ComplexResults, Sample
from foldwright.reports.markup import Markup, table, tag
from foldwright.reports.results import Chain
from foldwright.reports.words import MATRICES, Matrix, describe_chain

Values = Sequence[Sequence[float | None]]


def complex_tables(results: ComplexResults, model: Sample) -> Iterator[Markup]:
    """Everything that is known of chains, and of each two."""
    yield _chains(results, model)
    if len(results.chains) > 1:
        known = [matrix for matrix in MATRICES if model.scores.get(matrix.key)]
        tables = (_matrix(matrix, results.chains, model.scores[matrix.key]) for matrix in known)
        yield tag("div", *tables, class_="matrices")


def _chains(results: ComplexResults, model: Sample) -> Markup:
    alone: Mapping[str, Mapping[str, Any]] = model.scores["chains"]
    head = ["chain", "kind", "what", "tokens", "mean pLDDT", "pTM", "ipTM"]
    rows = [
        [
            chain.name,
            chain.kind,
            describe_chain(chain, results.components),
            f"{chain.size:,}",
            _number(alone[chain.name]["mean_plddt"], 1),
            _number(alone[chain.name]["ptm"], 2),
            _number(alone[chain.name]["iptm"], 2),
        ]
        for chain in results.chains
    ]
    return table(f"Chains of {model.name}; ipTM is the mean over all other chains", head, rows)


def _matrix(matrix: Matrix, chains: Sequence[Chain], values: Values) -> Markup:
    """One table; a cell chooses its two chains."""
    caption = matrix.label
    titles = tag("tr", tag("th", "", scope="col"), *(tag("th", chain.name, scope="col") for chain in chains))
    lines = [
        tag(
            "tr",
            tag("th", chain.name, scope="row"),
            *(_cell(matrix, chain.name, other.name, value) for other, value in zip(chains, row, strict=True)),
        )
        for chain, row in zip(chains, values, strict=True)
    ]
    inner = tag("table", tag("caption", caption), tag("thead", titles), tag("tbody", *lines), class_="matrix")
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _cell(matrix: Matrix, row: str, column: str, value: float | None) -> Markup:
    if value is None:
        return tag("td", "–")
    text = f"{value:.{matrix.digits}f}"
    button = tag("button", text, type="button", class_="pair", data_rows=row, data_columns=column)
    return tag("td", button, style=f"--share:{round(100 * matrix.share(value))}%")


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def count_chains(chains: Sequence[Chain]) -> str:
    """So many chains, and of which kinds where there are several."""
    kinds = [chain.kind for chain in chains]
    text = "1 chain" if len(chains) == 1 else f"{len(chains)} chains"
    if not any(chain.places for chain in chains):
        return text
    return f"{text}: {', '.join(_count(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))}"


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}s" if number > 1 and kind.islower() else f"{number} {kind}"
