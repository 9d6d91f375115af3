"""Reading parameter files without running anything they contain."""

import json
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from foldwright.errors import InputError
from foldwright.weights import openfold

DEEPMIND, OPENFOLD, OURS = "DeepMind npz", "OpenFold checkpoint", "Foldwright safetensors"
SUFFIXES = {".npz": DEEPMIND, ".pt": OPENFOLD, ".pth": OPENFOLD, ".ckpt": OPENFOLD, ".safetensors": OURS}
INCOMPLETE = "The file is damaged or incomplete: fetch it again."


def format_of(path: Path) -> str:
    """Which of the formats a file's name promises."""
    if path.suffix not in SUFFIXES:
        raise InputError(
            f'weights files end in {", ".join(SUFFIXES)}, this one in "{path.suffix}".',
            file=path,
            remedy="Give DeepMind's params_*.npz, an OpenFold checkpoint, or what `foldwright weights import` made.",
        )
    return SUFFIXES[path.suffix]


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file, by the names it has there.

    Raises:
        InputError: no such file, damaged, or holding Python objects; naming the array if it is one of them.
    """
    if not path.is_file():
        raise InputError("no such file.", file=path, remedy="`foldwright weights list` shows what can be fetched.")
    readers = {DEEPMIND: _read_npz, OPENFOLD: _read_checkpoint, OURS: _read_safetensors}
    try:
        arrays = readers[format_of(path)](path)
    except PermissionError as fault:
        raise InputError("this file may not be read.", file=path, remedy="Ask its owner for the right.") from fault
    if not arrays:
        raise InputError("this file holds no arrays.", file=path, remedy=INCOMPLETE)
    return arrays


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream:
        try:
            if not zipfile.is_zipfile(stream):
                raise zipfile.BadZipFile("its table of contents, at the end, is missing")
            stream.seek(0)
            file = np.load(stream, allow_pickle=False)
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as fault:
            raise InputError(f"not a whole npz archive ({_words(fault)}).", file=path, remedy=INCOMPLETE) from fault
        with file:
            return {key: _read_member(file, key, path) for key in file.files}


def _read_member(file: Any, key: str, path: Path) -> np.ndarray:
    try:
        return file[key]
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError) as fault:
        what = "holds Python objects" if "pickle" in str(fault) else f"cannot be read ({_words(fault)})"
        raise InputError(f'array "{key}" {what}.', file=path, remedy=INCOMPLETE) from fault


def _read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as fault:
        raise InputError(
            "not a checkpoint of plain tensors: it holds other Python objects, or is no checkpoint at all.",
            file=path,
            remedy="Foldwright does not run code from files: save the bare parameters, torch.save(model.state_dict()).",
        ) from fault
    except PermissionError:
        raise
    except Exception as fault:  # what a damaged pickle raises is anyone's guess
        raise InputError(f"not a whole checkpoint ({_words(fault)}).", file=path, remedy=INCOMPLETE) from fault
    return {key: value.detach().float().numpy() for key, value in openfold.unwrap(checkpoint).items()}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="np") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as fault:
        if isinstance(fault, PermissionError):
            raise
        raise InputError(f"not a whole safetensors file ({_words(fault)}).", file=path, remedy=INCOMPLETE) from fault


def read_note(path: Path) -> dict[str, Any]:
    """What Foldwright wrote about the source of a safetensors file; empty if it did not write it."""
    try:
        with safe_open(path, framework="np") as file:
            return json.loads((file.metadata() or {}).get("foldwright", "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}


def _words(fault: BaseException) -> str:
    return str(fault).strip().splitlines()[0][:200] if str(fault).strip() else type(fault).__name__
