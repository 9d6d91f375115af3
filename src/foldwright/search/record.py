"""What was searched, as plain data for `search.json` and `run.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from foldwright.search.found import Found
from foldwright.search.options import SearchOptions
from foldwright.search.plan import PlannedStep


def step_record(planned: PlannedStep, found: Found, seconds: float) -> dict[str, Any]:
    """One search: of which databases, by which program, with which parameters; its hits and its share of the time."""
    return {
        "step": planned.step.name,
        "gives": list(planned.step.gives),
        "databases": [asdict(identity) for identity in planned.identities],
        "program": planned.program.name,
        "version": planned.version,
        "parameters": asdict(planned.step.parameters),
        "max_rows": planned.step.max_rows,
        "hits": found.num_hits,
        **({"template_hits": len(found.template_hits)} if found.alignment and found.template_hits else {}),
        "seconds": round(seconds, 3),
    }


def chain_record(options: SearchOptions, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All searches of one chain."""
    return {"preset": options.preset, "engine": options.engine, "searches": list(steps)}
