"""Does this program compute what the original one did: bundles of stored inputs and outputs, compared with ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foldwright.errors import InputError

DTYPES = {"float32": torch.float32, "float64": torch.float64}
TOLERANCE = {"float32": 3e-4, "float64": 1e-6}  # relative; what rounding in each dtype explains

# What is done to a network before it runs; the second argument says whether gradients will be asked for.
Prepare = Callable[[Any, bool], Any]


def as_built(model: Any, training: bool) -> Any:
    """Nothing: the textbook runs."""
    return model


class Output(NamedTuple):
    """A tensor of ours, and which of its entries stand for real residues (broadcast from the left)."""

    value: Tensor
    is_valid: Tensor | None = None
    slack: tuple[float, float] | None = None  # how far below and above ours the original's rounding may put a number
    rounding: float = 0.0  # by how much the original's numbers may have been rounded where they were written


Expected = Mapping[str, np.ndarray]


class Computed(NamedTuple):
    """What a family computes for a bundle; an output is computed when it is looked up, if it is known at all."""

    outputs: Mapping[str, Callable[[], Output | None]]
    gradients: Mapping[str, Tensor]
    expected: Expected | None = None  # what to compare; by default every array of the bundle's outputs


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One stored output against ours; errors are None where there is nothing to compare."""

    bundle: str
    output: str
    shape: tuple[int, ...]
    relative_error: float | None
    max_abs_error: float | None
    passed: bool
    note: str = field(default="", compare=False)

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        record = asdict(self)
        if not record["note"]:
            del record["note"]
        return record


@dataclass(frozen=True)
class Bundle:
    """One stored run of the original program: a JSON file, and npz files beside it."""

    path: Path
    family: str  # which program
    preset: str  # which of its networks
    config: Mapping[str, Any]  # what differs from the preset, in the program's own words
    parameters: Mapping[str, Any]  # the rule that makes them, and the list of their names and shapes
    inputs: str
    expected: Mapping[str, str]  # outputs by dtype
    gradients: str | None = None
    draws: str | None = None  # random numbers, where the program draws some
    metrics: str | None = None  # scores of every sample

    @property
    def name(self) -> str:
        """The file's name without its ending; of a file with no name of its own that of its folder."""
        name = self.path.name.removesuffix(".json").removesuffix(".bundle")
        return self.path.resolve().parent.name if name == "bundle" else name

    @property
    def truth(self) -> str:
        """The dtype of the stored outputs that count: float64 where there are such."""
        stored = [dtype for dtype, name in self.expected.items() if (self.path.parent / name).exists()]
        return "float64" if "float64" in (stored or self.expected) else "float32"

    def arrays(self, name: str, what: str) -> dict[str, np.ndarray]:
        """The arrays of a file that the bundle names.

        Raises:
            InputError: the file is missing, or is not a complete npz file of plain arrays.
        """
        path = self.path.parent / name
        try:
            # Opened here, for numpy leaves a broken file open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except FileNotFoundError:
            raise self.error(what, f'the file "{name}" is not there.') from None
        except Exception as error:
            raise self.error(what, f'"{name}" cannot be read as npz ({error}).') from None

    def json(self, name: str, what: str) -> Any:
        """A JSON file that the bundle names."""
        return _read_json(self.path.parent / name, self.error(what, f'"{name}" is missing or is not JSON.'))

    def error(self, what: str, message: str) -> InputError:
        """An error in one field of the bundle."""
        return InputError(message, file=self.path, field=what, remedy="The bundle may be incomplete; copy it again.")


_FIELDS = {"family": str, "preset": str, "config": dict, "parameters": dict, "inputs": str, "expected": dict}


def read_bundle(path: str | Path) -> Bundle:
    """Read a bundle's JSON file.

    Raises:
        InputError: naming the field that is missing or wrong.
    """
    path = Path(path)
    told = _read_json(path, InputError("is missing or is not JSON.", file=path, remedy="Name a bundle's JSON file."))
    if not isinstance(told, dict) or told.get("format") != 1:
        raise InputError("this is not a bundle of format 1.", file=path, remedy='A bundle starts with "format": 1.')
    for name, kind in _FIELDS.items():
        if not isinstance(told.get(name), kind):
            raise InputError("is missing or of the wrong type.", file=path, field=name)
    if not told["expected"].keys() & DTYPES.keys():
        raise InputError("no stored outputs.", file=path, field="expected", remedy="Name float32 or float64 outputs.")
    optional = {name: told[name] for name in ("gradients", "draws", "metrics") if told.get(name)}
    return Bundle(path=path, **{name: told[name] for name in _FIELDS}, **optional)


def find_bundles(paths: Iterable[str | Path]) -> list[Bundle]:
    """The bundles named, and those in the folders named.

    Raises:
        InputError: a malformed bundle, or a folder without any.
    """
    found: list[Bundle] = []
    for path in map(Path, paths):
        files = sorted(filter(_is_bundle, path.rglob("*.json"))) if path.is_dir() else [path]
        if not files:
            raise InputError("no bundle in this folder.", file=path, remedy="Bundles are files named *.bundle.json.")
        found += map(read_bundle, files)
    return found


def _is_bundle(path: Path) -> bool:
    if path.name.endswith("bundle.json"):
        return True
    told = _read_json(path, None)
    return isinstance(told, dict) and {"format", "family", "expected"} <= told.keys()


def _read_json(path: Path, error: InputError | None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        if error is None:
            return None
        raise error from None


def compare_all(bundle: Bundle, computed: Computed, tolerance: float) -> Iterator[Comparison]:
    """One comparison for every stored output, then one for every parameter's gradient."""
    expected = computed.expected
    if expected is None:
        expected = bundle.arrays(bundle.expected[bundle.truth], "expected")
    for key, theirs in expected.items():
        make = computed.outputs.get(key)
        ours = None if make is None else make()
        if ours is None:
            yield _failed(bundle, key, theirs, "not known")
        else:
            yield compare(bundle, key, ours, theirs, tolerance)
    if bundle.gradients is not None:
        yield from compare_gradients(bundle, computed.gradients, tolerance)


def compare(bundle: Bundle, key: str, ours: Output, theirs: np.ndarray, tolerance: float) -> Comparison:
    """|ours - theirs| / |theirs| over the valid entries; what is missing (NaN) has to be missing in both."""
    if tuple(ours.value.shape) != theirs.shape:
        return _failed(bundle, key, theirs, f"our shape is {tuple(ours.value.shape)}")
    value, truth = ours.value.detach().cpu().double(), torch.as_tensor(theirs).double()
    if ours.is_valid is not None:
        is_valid = ours.is_valid.cpu() > 0
        value, truth = value[is_valid], truth[is_valid]
    is_missing = value.isnan() & truth.isnan()
    value, truth = value[~is_missing], truth[~is_missing]
    value = value + (truth - value).clamp(-ours.rounding, ours.rounding)
    judged = _judged(bundle, key, theirs.shape, relative_error(value, truth), _max_abs(value - truth), tolerance)
    if ours.slack is None or judged.passed or judged.relative_error is None:
        return judged
    below, above = ours.slack
    room = tolerance * float(truth.abs())
    if below - room <= float(truth - value) <= above + room:
        return replace(judged, passed=True, note="as far off as the original's rounding may put it")
    return judged


# What is stored of a gradient, and how it follows from ours.
_VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "norm": torch.linalg.vector_norm,
    "first32": lambda gradient: gradient.flatten()[:32],
    "full": lambda gradient: gradient,
}


def compare_gradients(bundle: Bundle, ours: Mapping[str, Tensor], tolerance: float) -> Iterator[Comparison]:
    """One comparison for every parameter, and one for the loss itself, stored under a name without a slash.

    The gradient of a bias that shifts all logits of a softmax is zero but for rounding. So errors are relative to no
    less than a share of the largest gradient: a hundredth of the tolerance.
    """
    stored = bundle.arrays(bundle.gradients or "", "gradients")
    norms = [float(value) for name, value in stored.items() if name.startswith("norm/")]
    floor = 0.01 * tolerance * max(norms, default=0.0)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in stored.items():
        kind, slash, key = name.partition("/")
        parts.setdefault(f"grad:{key}" if slash else name, {})[kind if slash else "full"] = array
    for name, found in parts.items():
        yield compare_gradient(bundle, name, ours.get(name.removeprefix("grad:")), found, tolerance, floor)


def compare_gradient(
    bundle: Bundle, name: str, ours: Tensor | None, parts: Mapping[str, np.ndarray], tolerance: float, floor: float
) -> Comparison:
    """The worst of what is stored of one gradient: its norm, its first 32 values, all of it."""
    if ours is None or not parts.keys() <= _VIEWS.keys():
        return _failed(bundle, name, next(iter(parts.values())), "not known")
    ours = ours.detach().cpu().double()
    pairs = [(_VIEWS[kind](ours), torch.as_tensor(part).double()) for kind, part in parts.items()]
    if any(value.shape != truth.shape for value, truth in pairs):
        return _failed(bundle, name, ours.numpy(), "the stored shape differs")
    relative = max(relative_error(value, truth, floor) for value, truth in pairs)
    largest = max(_max_abs(value - truth) for value, truth in pairs)
    return _judged(bundle, name, tuple(ours.shape), relative, largest, tolerance)


def relative_error(ours: Tensor, theirs: Tensor, floor: float = 0.0) -> float:
    """The Frobenius norm of the difference over that of `theirs` (but at least `floor`); 0 for equal zeros."""
    difference = float(torch.linalg.vector_norm(ours - theirs))
    size = max(float(torch.linalg.vector_norm(theirs)), floor)
    return 0.0 if difference == 0 else difference / size if size else float("inf")


def _max_abs(difference: Tensor) -> float:
    return float(difference.abs().max()) if difference.numel() else 0.0


def _judged(
    bundle: Bundle, key: str, shape: tuple[int, ...], relative: float, largest: float, tolerance: float
) -> Comparison:
    if not (isfinite(relative) and isfinite(largest)):
        return Comparison(
            bundle=bundle.name,
            output=key,
            shape=tuple(shape),
            relative_error=None,
            max_abs_error=largest if isfinite(largest) else None,
            passed=False,
            note="not finite, or not zero where theirs is",
        )
    return Comparison(
        bundle=bundle.name,
        output=key,
        shape=tuple(shape),
        relative_error=relative,
        max_abs_error=largest,
        passed=relative <= tolerance,
    )


def _failed(bundle: Bundle, key: str, theirs: np.ndarray, why: str) -> Comparison:
    return Comparison(
        bundle=bundle.name,
        output=key,
        shape=theirs.shape,
        relative_error=None,
        max_abs_error=None,
        passed=False,
        note=why,
    )
