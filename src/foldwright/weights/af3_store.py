"""Weights for AlphaFold 3: the published file, converted once and memory-mapped from then on, or generated numbers."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from foldwright.errors import InputError
from foldwright.models.af3.config import AF3
from foldwright.models.af3.model import AlphaFold3
from foldwright.weights import deepmind_af3, formats
from foldwright.weights.af3_records import parts, read_records
from foldwright.weights.catalog import AF3_PARAMETERS
from foldwright.weights.library import cache_folder
from foldwright.weights.locate import RULE
from foldwright.weights.mapping import check_arrays
from foldwright.weights.rule import af3_rule_parameters
from foldwright.weights.store import (
    State,
    WeightsInfo,
    conversion,
    describe_rule,
    file_sha256,
    link,
    read_kept,
    write_kept,
)
from foldwright.weights.terms import require_accepted

NAME = AF3_PARAMETERS.name
RECORDS = "AlphaFold 3 parameter file"
NOT_ARCHITECTURE = ("features", "sampling", "num_recycles")  # how much is read, sampled and recycled


def load_af3(source: str | Path | None, config: AF3) -> AlphaFold3:
    """The network with its parameters in place; see `load_af3_weights`."""
    state, _ = load_af3_weights(source, config)
    return network_of(config, state)


def network_of(config: AF3, state: State) -> AlphaFold3:
    """The network that holds these parameters themselves, without a copy."""
    model = deepmind_af3.empty(config)
    model.load_state_dict(state, assign=True)
    return model.eval()


def load_af3_weights(source: str | Path | None, config: AF3) -> tuple[State, WeightsInfo]:
    """The parameters of AlphaFold 3 under our names, and where they come from.

    `source`: the published file, any of its parts or the folder that holds it; a file that was converted; "rule" or
    "rule:<salt>" for generated numbers; or None for what was imported.

    Raises:
        InputError: not found, damaged, the parameters of another network, or published ones whose terms nobody
            accepted here.
    """
    if is_rule(source):
        return _generate(str(source), config)
    path = _located(source)
    if path.suffix == ".safetensors":
        return _read_converted(path, config)
    require_accepted(AF3_PARAMETERS, path)
    info = describe_records(path)
    kept = conversion(info, architecture(config))
    state = read_kept(kept) if kept.is_file() else None
    if state is None:
        state = _convert(path, config)
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
            write_kept(state, kept, info, architecture(config))
            state = read_kept(kept) or state
    return state, info


def import_af3(source: str | Path, config: AF3) -> tuple[Path, WeightsInfo]:
    """Convert the published file and keep it in the cache: found from then on without a path.

    Raises:
        InputError: see `load_af3_weights`; or the cache cannot be written.
    """
    state, info = load_af3_weights(source, config)
    target = cache_folder() / "imported" / f"{NAME}.safetensors"
    try:
        if not link(conversion(info, architecture(config)), target):
            write_kept(state, target, info, architecture(config))
    except OSError as fault:
        remedy = "Set FOLDWRIGHT_CACHE to a folder that you may write to and that has room."
        raise InputError(f"cannot be written: {fault.strerror or fault}.", file=target, remedy=remedy) from fault
    return target, info


def is_rule(source: str | Path | None) -> bool:
    """Whether generated numbers are asked for."""
    return str(source).partition(":")[0] == RULE


def describe_records(path: Path) -> WeightsInfo:
    """What is said of the published file; a file in several parts has the hash of their hashes."""
    files = parts(path)
    hashes = [file_sha256(file) for file in files]
    sha256 = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return WeightsInfo(source=str(files[0]), sha256=sha256, format=RECORDS, preset=NAME, licence=AF3_PARAMETERS.terms)


def architecture(config: AF3) -> dict[str, Any]:
    """The part of a configuration that decides which parameters exist."""
    return {name: value for name, value in asdict(config).items() if name not in NOT_ARCHITECTURE}


def _generate(name: str, config: AF3) -> tuple[State, WeightsInfo]:
    salt = name.partition(":")[2] or "0"
    if not salt.isdecimal():
        raise InputError(f'"{salt}" is no salt of the rule for AlphaFold 3.', remedy="Give a whole number: rule:7.")
    arrays = af3_rule_parameters(deepmind_af3.manifest(config), int(salt))
    return _contiguous(deepmind_af3.state_dict_of(config, arrays)), describe_rule(name, NAME)


def _located(source: str | Path | None) -> Path:
    if source is None:
        path = cache_folder() / "imported" / f"{NAME}.safetensors"
        if not path.is_file():
            raise InputError(
                f"no weights of {NAME} in the cache ({cache_folder()}).",
                remedy=f"Ask Google DeepMind for them ({AF3_PARAMETERS.form}) and run `foldwright weights import FILE "
                f"--model {NAME}`, or try things out with --weights rule (numbers without meaning).",
            )
        return path
    path = Path(source).expanduser()
    return path if path.suffix == ".safetensors" else parts(path)[0]


def _convert(path: Path, config: AF3) -> State:
    return _contiguous(deepmind_af3.state_dict_of(config, read_records(path), file=path))


def _contiguous(state: State) -> State:
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _read_converted(path: Path, config: AF3) -> tuple[State, WeightsInfo]:
    """A file that `import_af3` made."""
    if (state := read_kept(path)) is None:
        formats.read(path)  # says what is wrong
        raise InputError("this file cannot be read.", file=path, remedy=formats.INCOMPLETE)
    expected = {name: tuple(p.shape) for name, p in deepmind_af3.empty(config).named_parameters()}
    check_arrays(expected, {name: np.broadcast_to(0, tensor.shape) for name, tensor in state.items()}, path)
    note = formats.read_note(path)
    info = WeightsInfo(
        source=note.get("source", str(path)),
        sha256=note.get("sha256") or file_sha256(path),
        format=note.get("format", formats.OURS),
        preset=NAME,
        licence=note.get("licence", "unknown"),
    )
    return state, info
