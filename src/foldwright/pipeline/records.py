"""The small JSON files of a run, and the hashes that say whether a result is still the answer to the question."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import foldwright

RECORDED = ("torch", "numpy", "gemmi", "safetensors")


def to_json(value: Any, *, is_compact: bool = False) -> str:
    """JSON text of plain values, dataclasses, paths and arrays."""
    separators = (",", ":") if is_compact else None
    text = json.dumps(
        value, default=_plain, indent=None if is_compact else 1, separators=separators, ensure_ascii=False
    )
    return text + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def digest(value: Any) -> str:
    """SHA-256 of a value's JSON: equal questions have equal digests."""
    return hashlib.sha256(to_json(value, is_compact=True).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """The content of a JSON file, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def versions(*more: str) -> dict[str, str]:
    """Which programs made a result, these libraries among them."""
    found = {"foldwright": foldwright.__version__, "python": platform.python_version()}
    for name in (*RECORDED, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine(device: torch.device) -> dict[str, Any]:
    """Where a result was made."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "device": str(device),
        "device_name": name,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "command": sys.argv,
    }
