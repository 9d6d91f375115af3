"""What a parameter file holds, whether or not it can be used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.presets import PRESETS
from foldwright.models.af3.presets import af3
from foldwright.weights import deepmind_af2, deepmind_af3, formats, openfold
from foldwright.weights.af3_records import read_records
from foldwright.weights.af3_store import describe_records
from foldwright.weights.catalog import AF3_PARAMETERS
from foldwright.weights.identify import Traits
from foldwright.weights.store import file_sha256
from foldwright.weights.trained import Trained, find_trained

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A file's format, arrays and the model it fits or nearly fits."""

    format: str
    sha256: str
    shapes: Shapes
    traits: Traits | str
    presets: list[str]
    compared_with: str
    faults: dict[str, list[str]]  # what is wrong -> names of arrays
    note: dict[str, Any]  # of a file that Foldwright wrote

    @property
    def num_parameters(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())


def look_into(path: Path, preset: str | None = None) -> Inspection:
    """Read a file and compare its arrays with those of a model, by default the one it looks like.

    Raises:
        InputError: not a file of parameters, or an unknown model.
    """
    if preset is not None and preset not in PRESETS:
        raise InputError(f'unknown model "{preset}".', field="--model", remedy=f"Known models: {', '.join(PRESETS)}.")
    trained = find_trained(path)
    if trained is not None and preset is None:
        return _look_into_trained(trained)
    shapes = {name: array.shape for name, array in formats.read(path).items()}
    kind = formats.format_of(path)
    traits = Traits.of_file(shapes, kind)
    compared_with = preset or traits.presets()[0]
    return Inspection(
        format=kind,
        sha256=file_sha256(path),
        shapes=shapes,
        traits=traits,
        presets=traits.presets(),
        compared_with=compared_with,
        faults=compare(shapes, expected_shapes(kind, compared_with, shapes)),
        note=formats.read_note(path) if kind == formats.OURS else {},
    )


def is_af3(path: Path, preset: str | None) -> bool:
    """Whether this is to be read as AlphaFold 3's parameter file: by its name, or because somebody says so."""
    return preset == AF3_PARAMETERS.name or re.fullmatch(r".*\.bin(\.zst)?(\.\d+)?", path.name) is not None


def look_into_af3(path: Path) -> Inspection:
    """Read the parameter file of AlphaFold 3 and compare its arrays with those of the network.

    Raises:
        InputError: not such a file.
    """
    shapes = {key: array.shape for key, array in read_records(path).items()}
    info = describe_records(path)
    return Inspection(
        format=info.format,
        sha256=info.sha256,
        shapes=shapes,
        traits="AlphaFold 3",
        presets=[AF3_PARAMETERS.name],
        compared_with=AF3_PARAMETERS.name,
        faults=compare(shapes, deepmind_af3.manifest(af3())),
        note={},
    )


def _look_into_trained(trained: Trained) -> Inspection:
    """Compared with the network that the file says it is of; of a variant's own modules nothing is known here."""
    shapes = {name: tuple(tensor.shape) for name, tensor in trained.state().items()}
    traits = Traits.of_network(trained.config)
    return Inspection(
        format=trained.format,
        sha256=file_sha256(trained.path),
        shapes=shapes,
        traits=traits,
        presets=[trained.name],
        compared_with=trained.name if trained.is_whole else f"{trained.name} without its variant {trained.variant}",
        faults=compare(shapes, _shapes_of(trained.config)),
        note=dict(trained.note),
    )


def expected_shapes(kind: str, preset: str, here: Shapes) -> Shapes:
    """The arrays of a complete file of this format for this model, spelled as they are here."""
    config = PRESETS[preset]()
    if kind == formats.DEEPMIND:
        return deepmind_af2.manifest(config, here)
    if kind == formats.OPENFOLD:
        return openfold.manifest(config, here)
    return _shapes_of(config)


def _shapes_of(config: AF2) -> Shapes:
    return {name: tuple(p.shape) for name, p in deepmind_af2.empty(config).named_parameters()}


def compare(here: Shapes, expected: Shapes) -> dict[str, list[str]]:
    """Names of arrays that are missing, unused or mis-shaped; nothing for a file that fits."""
    both = sorted(here.keys() & expected.keys())
    faults = {
        "missing": sorted(expected.keys() - here.keys()),
        "unused": sorted(here.keys() - expected.keys()),
        "mis-shaped": [f"{n} is {here[n]}, should be {expected[n]}" for n in both if here[n] != expected[n]],
    }
    return {what: names for what, names in faults.items() if names}
