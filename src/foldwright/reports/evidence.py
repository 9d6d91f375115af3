"""What run.json says a prediction was made from, in rows for tables. Records of older runs lack parts of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foldwright.reports.results import Results

Record = Mapping[str, Any]

SOURCES = {"given": "given", "searched": "searched", "none": "none: sequence alone"}


def chain_records(results: Results) -> Sequence[Record]:
    """What is recorded of each chain."""
    return results.run.get("chains") or ()


def alignment_source(chain: Record) -> str:
    """Where the rows of a chain came from."""
    rows = chain.get("alignment_rows") or 0
    return SOURCES.get(str(chain.get("msa")), "given" if rows > 1 else SOURCES["none"])


def searches(results: Results) -> Iterator[list[Any]]:
    """A row for each search: chain, databases, program, hits, seconds."""
    times: Record = results.execution.get("search") or {}
    for chain in chain_records(results):
        went = _steps(times.get(chain["chain"]))
        for i, step in enumerate(_steps(chain.get("search"))):
            databases = ", ".join(_database(found) for found in step.get("databases", ()))
            program = f"{step.get('program', '')} {step.get('version', '')}".strip()
            seconds = _time(went[i]) if i < len(went) else None
            yield [chain["chain"], databases or step.get("step", ""), program, step.get("hits"), seconds]


def _steps(search: Record | None) -> Sequence[Record]:
    return search.get("searches", ()) if search else ()


def _time(went: Record) -> str | None:
    """How long a search took, unless its result was there already."""
    if went.get("from_cache"):
        return "from the cache"
    return f"{went['seconds']:.1f}" if "seconds" in went else None


def templates_used(results: Results) -> Iterator[list[Any]]:
    """A row for each template: chain of the job, its name, the file, residues laid over the chain."""
    for chain in chain_records(results):
        for used in _templates(chain).get("used", ()):
            residues = used.get("residues") or None
            yield [chain["chain"], used.get("name") or Path(used["file"]).name, used["file"], residues]


def templates_rejected(results: Results) -> Iterator[list[Any]]:
    """A row for each reason: chain of the job, how many hits, their names."""
    for chain in chain_records(results):
        for group in _templates(chain).get("rejected", ()):
            names = group["hits"]
            shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            yield [chain["chain"], group["reason"], len(names), shown]


def pairing(results: Results) -> str:
    """How the rows of a complex were paired, in one sentence; empty for one chain."""
    record = results.run.get("pairing")
    if not isinstance(record, Mapping):
        return ""
    strategy, rows, whole = (record.get(key) for key in ("strategy", "rows", "rows_of_all_chains"))
    if not rows:
        return "No rows of different chains were paired."
    text = f"{rows:,} rows of the chains' alignments stand side by side"
    text += f", {whole:,} of them with every chain" if whole is not None else ""
    return text + (f" (paired by: {strategy})." if strategy else ".")


def warnings(results: Results) -> list[str]:
    """Everything that makes these numbers less reliable than they look."""
    return [text for text in (results.remark, *(results.run.get("warnings") or ())) if text]


def _templates(chain: Record) -> Record:
    """What was used and rejected; older records and given templates are a list of files."""
    found = chain.get("templates") or {}
    if isinstance(found, Mapping):
        return found
    return {"used": [item if isinstance(item, Mapping) else {"file": str(item)} for item in found]}


def _database(found: Record | str) -> str:
    if isinstance(found, str):
        return found
    date = found.get("date")
    return f"{found.get('name', '')} ({date})" if date else str(found.get("name", ""))
