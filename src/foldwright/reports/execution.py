"""How a job was run: the command, where, and how long each stage took."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foldwright.reports.results import Results


def command(results: Results) -> str:
    """What was typed, so that it can be typed again."""
    words: Sequence[str] = results.machine.get("command") or ()
    if not words:
        return ""
    return shlex.join([Path(words[0]).name, *words[1:]])


def stages(results: Results) -> Iterator[list[Any]]:
    """A row for each model and stage: seconds and the highest memory."""
    for model in results.models:
        for stage, record in model.stages.items():
            memory = record.get("peak_memory_bytes")
            gigabytes = None if memory is None else f"{memory / 1e9:.2f}"
            yield [model.name, stage, f"{record.get('seconds', 0):.1f}", gigabytes]


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
    for name, source in _weights(results).items():
        yield f"Weights of {name}", source
    if source := results.run.get("source"):
        yield "Input", str(source)
    if finished := results.execution.get("finished"):
        yield "Finished", str(finished)


def total_seconds(results: Results) -> float:
    """The time of all stages of all models."""
    return sum(record.get("seconds", 0) for model in results.models for record in model.stages.values())


def in_words(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _weights(results: Results) -> dict[str, str]:
    found = {}
    for model in results.models:
        info: Mapping[str, Any] = model.record.get("weights") or {}
        parts = [str(info[key]) for key in ("source", "licence") if info.get(key)]
        digest = f"SHA-256 {info['sha256'][:12]}…" if info.get("sha256") else ""
        found[str(model.record.get("model", model.name))] = " · ".join(filter(None, [*parts, digest]))
    return found
