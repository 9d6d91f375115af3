"""One page over all jobs of a run: how each stands, how good it is, and where its report lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.reports.complexes import best_sample, is_complex_folder
from foldwright.reports.folders import is_job_folder
from foldwright.reports.markup import Markup, html, tag
from foldwright.reports.page import asset, document, footer
from foldwright.reports.results import read_json

WAITING, DAMAGED, DONE = "waiting", "damaged", "done"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the index says of one job, from its small files alone."""

    name: str
    state: str
    why: str = ""
    residues: int | None = None
    chains: int | None = None
    best: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)  # of the best prediction
    warnings: int = 0
    has_report: bool = False


def write_index(folder: str | Path) -> Path:
    """Write index.html into the folder of a run, from what is there; the reports are linked, not made.

    Raises:
        InputError: the folder holds no jobs.
    """
    folder = Path(folder)
    rows = read_rows(folder)
    if not rows:
        raise InputError(
            "there are no jobs here.", file=folder, remedy="Give the folder that was --out of `foldwright predict`."
        )
    with atomic_write(folder / "index.html") as file:
        file.write(index_html(folder.resolve().name, rows))
    return folder / "index.html"


def job_folders(folder: Path) -> list[Path]:
    """The folders of jobs in that of a run."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_job_folder(path))


def read_rows(folder: Path) -> list[Row]:
    """Every job: those of the manifest in its order, then those that are only there as folders."""
    listed = (read_json(folder / "jobs.json") or {}).get("jobs", [])
    names = list(dict.fromkeys([*(entry["name"] for entry in listed), *(path.name for path in job_folders(folder))]))
    entries = {entry["name"]: entry for entry in listed}
    return [_row_or_why(folder / name, entries.get(name, {})) for name in names]


def _row_or_why(folder: Path, entry: Mapping[str, Any]) -> Row:
    """A job whose files are damaged is listed as such: the others still have their index."""
    try:
        return _row(folder, entry)
    except InputError as error:
        return Row(name=folder.name, state=DAMAGED, why=str(error))


def _row(folder: Path, entry: Mapping[str, Any]) -> Row:
    if is_complex_folder(folder):
        return _complex_row(folder, entry)
    run, status, ranking = (read_json(folder / f"{name}.json") or {} for name in ("run", "status", "ranking"))
    best = next(iter(ranking.get("order", ())), "")
    chains = run.get("chains") or []
    record = run.get("predictions", {}).get(best, {})
    return Row(
        name=folder.name,
        state=status.get("status", WAITING),
        why=status.get("why", ""),
        residues=sum(chain.get("residues", 0) for chain in chains) or entry.get("residues"),
        chains=len(chains) or entry.get("chains"),
        best=best,
        record=record,
        warnings=len(run.get("warnings") or ()) + ("remark" in record),
        has_report=(folder / "report.html").is_file(),
    )


def _complex_row(folder: Path, entry: Mapping[str, Any]) -> Row:
    """A job of AlphaFold 3, from the summaries of its samples."""
    run, status = (read_json(folder / f"{name}.json") or {} for name in ("run", "status"))
    best = best_sample(folder)
    record = run.get("predictions", {}).get(best.name, {})
    chains = best.scores["chain_ids"]
    return Row(
        name=folder.name,
        state=status.get("status", DONE),
        why=status.get("why", ""),
        residues=entry.get("residues") or len(chains),
        chains=len(set(chains)),
        best=best.name,
        record=best.scores | record,
        warnings=len(run.get("warnings") or ()) + ("remark" in record) + bool(best.scores["has_clash"]),
        has_report=(folder / "report.html").is_file(),
    )


def index_html(name: str, rows: list[Row]) -> str:
    """The whole page."""
    head = ["job", "state", "residues", "chains", "mean pLDDT", "pTM", "ipTM", "best model", "warnings"]
    titles = tag("tr", *(_title(title) for title in head))
    table = tag(
        "table",
        tag("caption", "Jobs; a click on a title sorts"),
        tag("thead", titles),
        tag("tbody", *map(_line, rows)),
        id="jobs",
    )
    body = tag(
        "body",
        tag("header", tag("h1", name), tag("p", _counts(rows), class_="quiet")),
        tag(
            "main", _finder(), tag("div", table, class_="scroll whole", tabindex="0", role="region", aria_label="Jobs")
        ),
        footer(),
        tag("script", Markup(asset("index.js")), type="module"),
    )
    return document(name, body)


def _finder() -> Markup:
    field = tag("input", type="search", id="find", placeholder="name or state")
    return tag("p", tag("label", "Find ", field), " ", tag("span", id="found", role="status", class_="quiet"))


def _title(text: str) -> Markup:
    return tag("th", tag("button", text, type="button", class_="sort"), scope="col")


def _counts(rows: list[Row]) -> str:
    states = [row.state for row in rows]
    found = (f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"{len(rows)} jobs: {', '.join(found)}" if len(rows) != 1 else f"1 job: {states[0]}"


def _line(row: Row) -> Markup:
    name = tag("a", row.name, href=f"{quote(row.name)}/report.html") if row.has_report else html(row.name)
    why = tag("div", row.why, class_="why") if row.why else None
    plddt = row.record.get("mean_plddt")
    numbers = [
        None if row.residues is None else f"{row.residues:,}",
        row.chains,
        None if plddt is None else f"{plddt:.1f}",
        _hundredths(row.record.get("ptm")),
        _hundredths(row.record.get("iptm")),
    ]
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", tag("span", row.state, class_=f"state {row.state}"), why),
        *(tag("td", "–" if number is None else number, class_="number") for number in numbers),
        tag("td", row.best or "–"),
        tag("td", row.warnings or "–", class_="number"),
    )


def _hundredths(value: float | int | None) -> str | None:
    return None if value is None else f"{value:.2f}"
