"""Weights for a network: found by path or name, checked against it, converted once, memory-mapped from then on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.model import AlphaFold
from foldwright.weights import deepmind_af2, formats, openfold
from foldwright.weights.formats import DEEPMIND, OPENFOLD, OURS
from foldwright.weights.identify import Traits
from foldwright.weights.library import PARAMETER_FILE, cache_folder
from foldwright.weights.locate import RULE, locate
from foldwright.weights.mapping import check_arrays
from foldwright.weights.rule import rule_parameters
from foldwright.weights.trained import Trained, check_state, find_trained

MAPPING_VERSION = 1  # raised whenever a table or a parameter's name changes: older conversions are then left aside
LICENCES = {
    DEEPMIND: "CC BY 4.0 if published since January 2022, CC BY-NC 4.0 before (Google DeepMind)",
    OPENFOLD: "CC BY 4.0 (OpenFold)",
    OURS: "unknown",
    RULE: "none: numbers without meaning",
}
UNFUSED_SCOPE = "triangle_multiplication_outgoing/left_projection"  # multimer v3 has no such arrays
State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class WeightsInfo:
    """Where a network's parameters come from, for its results to say so."""

    source: str  # as asked for, or the path of the file
    sha256: str  # of the file; of the words "rule:<salt>" if generated
    format: str
    preset: str | None
    licence: str

    @property
    def is_rule(self) -> bool:
        """Whether the numbers are generated, so that structures mean nothing."""
        return self.format == RULE


def load_weights(source: str | Path | None, config: AF2, preset: str | None = None) -> tuple[State, WeightsInfo]:
    """The parameters of a network under our names, and where they come from.

    `source`: a file, a folder of files or of a training run, a published name that was fetched, "rule" or
    "rule:<salt>" for generated numbers, or None for what is in the cache or in the package. `preset`: the name of the
    network; finds its file in a folder.

    Raises:
        InputError: not found, damaged, or the parameters of another network.
    """
    if trained := find_trained(source, preset):
        return _load_trained(trained, config), describe_trained(trained)
    found = locate(source, preset, config)
    if isinstance(found, str):
        return _generate(found, config, preset)
    info = _describe(found, preset)
    if info.format == OURS:
        return _read_ours(found, config, info)
    kept = conversion(info, architecture(config))
    state = read_kept(kept) if kept.is_file() else None
    if state is None:
        state = _convert(found, config, info)
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
            write_kept(state, kept, info, architecture(config))
            state = read_kept(kept) or state
    return state, info


def load_network(source: str | Path | None, config: AF2, preset: str | None = None) -> tuple[AlphaFold, WeightsInfo]:
    """A network with its parameters in place; see `load_weights`."""
    state, info = load_weights(source, config, preset)
    model = deepmind_af2.empty(config)
    model.load_state_dict(state, assign=True)
    return model.eval(), info


def import_weights(source: str | Path, config: AF2, preset: str) -> tuple[Path, WeightsInfo]:
    """Convert weights and keep them in the cache as those of a preset: found from then on without a path.

    Raises:
        InputError: see `load_weights`; or the cache cannot be written.
    """
    state, info = load_weights(source, config, preset)
    target = cache_folder() / "imported" / f"{preset}.safetensors"
    try:
        if not link(conversion(info, architecture(config)), target):
            write_kept(state, target, info, architecture(config))
    except OSError as fault:
        remedy = "Set FOLDWRIGHT_CACHE to a folder that you may write to and that has room."
        raise InputError(f"cannot be written: {fault.strerror or fault}.", file=target, remedy=remedy) from fault
    return target, info


def describe_rule(name: str, preset: str | None = None) -> WeightsInfo:
    """What is said of generated parameters, "rule" or "rule:<salt>"."""
    digest = hashlib.sha256(f"{RULE}:{name.partition(':')[2]}".encode()).hexdigest()
    return WeightsInfo(source=name, sha256=digest, format=RULE, preset=preset, licence=LICENCES[RULE])


def describe_trained(trained: Trained) -> WeightsInfo:
    """What is said of a network whose file says what it is."""
    return WeightsInfo(
        source=str(trained.path),
        sha256=file_sha256(trained.path),
        format=trained.format,
        preset=trained.name,
        licence=trained.licence,
    )


def _load_trained(trained: Trained, config: AF2) -> State:
    trained.require_whole()
    state = trained.state()
    check_state(trained, deepmind_af2.empty(config), state)
    return state


def _generate(name: str, config: AF2, preset: str | None) -> tuple[State, WeightsInfo]:
    keys = [UNFUSED_SCOPE] if preset and preset.endswith("_v2") else []
    arrays = rule_parameters(deepmind_af2.manifest(config, keys), salt=name.partition(":")[2])
    return deepmind_af2.state_dict_of(config, arrays), describe_rule(name, preset)


def _describe(path: Path, preset: str | None) -> WeightsInfo:
    """What is known about a file before it is read."""
    kind = formats.format_of(path)
    if not path.is_file():
        formats.read(path)  # says what is wrong
    note = formats.read_note(path) if kind == OURS else _receipt_beside(path)
    return WeightsInfo(
        source=note.get("source", str(path)) if kind == OURS else str(path),
        sha256=note["sha256"] if kind == OURS and "sha256" in note else file_sha256(path),
        format=kind,
        preset=preset,
        licence=note.get("licence", LICENCES[kind]),
    )


def _receipt_beside(path: Path) -> dict[str, Any]:
    """What `fetch` noted about a file, if it was fetched."""
    try:
        note = json.loads((path.parent / "receipt.json").read_text())
        return note if path.name in note["files"] else {}
    except (OSError, ValueError, KeyError):
        return {}


def _convert(path: Path, config: AF2, info: WeightsInfo) -> State:
    """A published file under our names, refused if it is another network's."""
    _check_name(path, info.preset)
    arrays = formats.read(path)
    check_network(path, arrays, info.format, config, info.preset)
    importer = deepmind_af2 if info.format == DEEPMIND else openfold
    return {
        name: tensor.float().contiguous() for name, tensor in importer.state_dict_of(config, arrays, file=path).items()
    }


def _read_ours(path: Path, config: AF2, info: WeightsInfo) -> tuple[State, WeightsInfo]:
    """A file that `foldwright weights import` or a training run made."""
    note = formats.read_note(path)
    _refuse_other_name(path, note.get("preset"), info.preset)
    state = read_kept(path)
    if state is None:
        formats.read(path)  # says what is wrong
        raise InputError("this file cannot be read.", file=path, remedy=formats.INCOMPLETE)
    expected = {name: tuple(p.shape) for name, p in deepmind_af2.empty(config).named_parameters()}
    check_network(path, state, OURS, config, info.preset)
    check_arrays(expected, {name: np.broadcast_to(0, tensor.shape) for name, tensor in state.items()}, path)
    return state, info


def check_network(path: Path, names: Mapping[str, Any], kind: str, config: AF2, preset: str | None) -> None:
    """Refuse the parameters of another network, saying which one they look like."""
    here, wanted = Traits.of_file(names, kind), Traits.of_network(config, preset)
    if not here.may_be(wanted):
        presets, asked = here.presets(), preset or "the chosen model"
        raise InputError(
            f"these are the parameters of {here} ({', '.join(presets)}), and {asked} is {wanted}.",
            file=path,
            remedy=f"Choose --model {presets[0]}, or the file of {asked}.",
        )


def _check_name(path: Path, preset: str | None) -> None:
    match = PARAMETER_FILE.fullmatch(path.name)
    _refuse_other_name(path, match[1] if match else None, preset)


def _refuse_other_name(path: Path, named: str | None, preset: str | None) -> None:
    """Models of one shape differ in their numbers alone: then the name is all there is to tell them by."""
    if named and preset and named != preset:
        raise InputError(
            f"these are the parameters of {named}, not of {preset}.",
            file=path,
            remedy=f"Choose --model {named}, or the file of {preset} (or rename this one if its name is wrong).",
        )


def conversion(info: WeightsInfo, network: Mapping[str, Any]) -> Path:
    """The cache's name for a file converted for a network: another file, network or table has another name."""
    digest = hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()
    name = f"{info.preset or 'network'}-{info.sha256[:16]}-{digest[:8]}-{MAPPING_VERSION}.safetensors"
    return cache_folder() / "converted" / name


def architecture(config: AF2) -> dict[str, Any]:
    """The part of a configuration that decides which parameters exist; not how much is read or recycled."""
    return {name: value for name, value in asdict(config).items() if name not in ("features", "recycling")}


def read_kept(path: Path) -> State | None:
    """A safetensors file, memory-mapped; None if it is damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError):
        return None


def write_kept(state: Mapping[str, Tensor], target: Path, info: WeightsInfo, network: Mapping[str, Any]) -> None:
    """A safetensors file that is whole when it appears and says where its numbers come from.

    `network`: the part of its configuration that decides which parameters exist.
    """
    note = {**asdict(info), "network": network, "mapping_version": MAPPING_VERSION}
    with replacing(target) as part:
        try:
            save_file(dict(state), part, metadata={"format": "pt", "foldwright": json.dumps(note)})
        except SafetensorError as fault:  # how a full disk is told
            raise OSError(str(fault)) from fault


def link(kept: Path, target: Path) -> bool:
    """A second name for a file, where the disk allows it: 370 MB less."""
    try:
        with replacing(target) as part:
            part.unlink()
            os.link(kept, part)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to; what is there in the end takes the target's name, all at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """The hash of a file, remembered by its path, size and time: hundreds of megabytes are read once."""
    status = path.stat()
    stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns]
    memo = cache_folder() / "hashes" / f"{hashlib.sha256(stamp[0].encode()).hexdigest()[:24]}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        remembered = json.loads(memo.read_text())
        if remembered["stamp"] == stamp:
            return remembered["sha256"]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with contextlib.suppress(OSError), replacing(memo) as note:
        note.write_text(json.dumps({"stamp": stamp, "sha256": digest}))
    return digest
