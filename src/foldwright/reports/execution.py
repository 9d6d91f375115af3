"""How a job was run: the command, where, and how long each stage took."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foldwright.reports.results import Model, Results


def command(results: Results) -> str:
    """What was typed, so that it can be typed again."""
    words: Sequence[str] = results.machine.get("command") or ()
    if not words:
        return ""
    return shlex.join([Path(words[0]).name, *words[1:]])


def stages(results: Results) -> tuple[list[str], list[list[Any]]]:
    """Titles, and a row for each model: seconds of every stage, and the highest memory of any."""
    names = list(dict.fromkeys(stage for model in results.models for stage in model.stages))
    rows = [
        [model.name, *(_seconds(model.stages.get(name)) for name in names), _memory(model)]
        for model in results.models
        if model.stages
    ]
    return ["model", *names, "memory, GB"], rows


def _seconds(stage: Mapping[str, Any] | None) -> str | None:
    return None if stage is None else f"{stage.get('seconds', 0):.1f}"


def _memory(model: Model) -> str | None:
    peaks = [stage["peak_memory_bytes"] for stage in model.stages.values() if "peak_memory_bytes" in stage]
    return f"{max(peaks) / 1e9:.2f}" if peaks else None


def facts(results: Results) -> Iterator[tuple[str, str]]:
    """Where it ran and with what."""
    machine, versions = results.machine, results.run.get("versions") or {}
    where = " · ".join(str(machine[key]) for key in ("device_name", "device", "system") if machine.get(key))
    if where:
        yield "Machine", where
    if machine.get("cores"):
        yield "Threads", f"{machine.get('threads', '?')} on {machine['cores']} cores"
    if versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    for source, names in _weights(results).items():
        yield "Weights", f"{', '.join(names)}: {source}"
    if chosen := _evidence(results):
        yield "Allowed", chosen
    if source := results.run.get("source"):
        yield "Input", str(source)
    if finished := results.execution.get("finished"):
        yield "Finished", str(finished)


def total_seconds(results: Results) -> float:
    """The time of all stages of all models."""
    return float(sum(record.get("seconds", 0) for model in results.models for record in model.stages.values()))


def in_words(seconds: float | int) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _evidence(results: Results) -> str:
    """What the prediction was allowed to learn from."""
    found: Mapping[str, Any] = (results.run.get("options") or {}).get("evidence") or {}
    words = [f"{name} {found[name]}" for name in ("msa", "pairing", "templates") if found.get(name)]
    search: Mapping[str, Any] = found.get("search") or {}
    words += [f"search preset {search['preset']}"] if search.get("preset") else []
    return ", ".join(words)


def _weights(results: Results) -> dict[str, list[str]]:
    """The models that were filled from each source."""
    found: dict[str, list[str]] = {}
    for model in results.models:
        info: Mapping[str, Any] = model.record.get("weights") or {}
        parts = [str(info[key]) for key in ("source", "licence") if info.get(key)]
        digest = f"SHA-256 {info['sha256'][:12]}…" if info.get("sha256") else ""
        names = found.setdefault(" · ".join(filter(None, [*parts, digest])), [])
        name = str(model.record.get("model", model.name))
        names += [] if name in names else [name]
    return {source: names for source, names in found.items() if source}
