"""BinaryCIF: tables whose columns are unpacked only when they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from foldwright.errors import InputError

_TYPES = {1: "<i1", 2: "<i2", 3: "<i4", 4: "<u1", 5: "<u2", 6: "<u4", 32: "<f4", 33: "<f8"}


@dataclass(frozen=True)
class Texts:
    """A column of texts: which of a few different ones every row holds (-1: none)."""

    choices: tuple[str, ...]
    numbers: np.ndarray

    def __getitem__(self, rows: slice) -> list[str]:
        return [self.choices[i] if i >= 0 else "" for i in self.numbers[rows]]


class Column:
    """One column: texts or numbers, `None` where the file has `.` or `?`."""

    def __init__(self, content: dict[str, Any]):
        self.content = content

    @cached_property
    def values(self) -> "np.ndarray | Texts":
        """Every row, unpacked."""
        return decoded(self.content["data"])

    @cached_property
    def is_absent(self) -> "np.ndarray | None":
        """Rows that hold `.` or `?`; None if every row has a value."""
        mask = self.content.get("mask")
        return None if mask is None else np.asarray(decoded(mask)) != 0

    def rows(self, rows: slice) -> list[str | None]:
        """Some rows as texts."""
        values = self.values[rows]
        texts = values if isinstance(values, list) else [str(value) for value in values.tolist()]
        if self.is_absent is None:
            return list(texts)
        return [None if absent else text for text, absent in zip(texts, self.is_absent[rows].tolist(), strict=True)]


def read_blocks(path: Path) -> list[dict[str, dict[str, Column]]]:
    """The blocks of a file: category (without `_`) -> column -> Column. Raises InputError if it is no BinaryCIF."""
    try:
        import msgpack
    except ImportError as error:
        raise InputError(
            "Reading BinaryCIF needs msgpack, which is not installed.",
            file=path,
            remedy='pip install "foldwright[af3]" brings it.',
        ) from error
    try:
        content = msgpack.unpackb(path.read_bytes(), strict_map_key=False)
        return [_categories(block) for block in content["dataBlocks"]]
    except OSError as error:
        raise InputError(f"It cannot be read ({error.strerror}).", file=path) from error
    except (ValueError, KeyError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise InputError("It is no BinaryCIF file, or it is cut short.", file=path) from error


def _categories(block: dict[str, Any]) -> dict[str, dict[str, Column]]:
    return {
        category["name"].removeprefix("_"): {column["name"]: Column(column) for column in category["columns"]}
        for category in block["categories"]
    }


def decoded(packed: dict[str, Any]) -> Any:
    """The array, or the Texts, that a `data` and its `encoding` stand for."""
    values: Any = packed["data"]
    for encoding in reversed(packed["encoding"]):
        values = _DECODERS[encoding["kind"]](values, encoding)
    return values


def _byte_array(data: bytes, encoding: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(data, _TYPES[encoding["type"]])


def _fixed_point(data: np.ndarray, encoding: dict[str, Any]) -> np.ndarray:
    return data / encoding["factor"]


def _interval_quantization(data: np.ndarray, encoding: dict[str, Any]) -> np.ndarray:
    step = (encoding["max"] - encoding["min"]) / (encoding["numSteps"] - 1)
    return data * step + encoding["min"]


def _run_length(data: np.ndarray, encoding: dict[str, Any]) -> np.ndarray:
    return np.repeat(data[::2].astype(_TYPES[encoding["srcType"]]), data[1::2])


def _delta(data: np.ndarray, encoding: dict[str, Any]) -> np.ndarray:
    return np.cumsum(data, dtype=_TYPES[encoding["srcType"]]) + int(encoding["origin"])


def _integer_packing(data: np.ndarray, encoding: dict[str, Any]) -> np.ndarray:
    """Numbers too large for the narrow type stand as several that are added up: all but the last are its limits."""
    limits = np.iinfo(data.dtype)
    is_last = data != limits.max
    if not encoding["isUnsigned"]:
        is_last &= data != limits.min
    if is_last.all():
        return data.astype(np.int32)
    totals = np.cumsum(data, dtype=np.int64)[is_last]
    return np.diff(totals, prepend=0).astype(np.int32)


def _string_array(data: bytes, encoding: dict[str, Any]) -> Texts:
    offsets = decoded({"data": encoding["offsets"], "encoding": encoding["offsetEncoding"]}).tolist()
    text = encoding["stringData"]
    choices = tuple(text[start:end] for start, end in pairwise(offsets))
    return Texts(choices, decoded({"data": data, "encoding": encoding["dataEncoding"]}))


_DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "ByteArray": _byte_array,
    "FixedPoint": _fixed_point,
    "IntervalQuantization": _interval_quantization,
    "RunLength": _run_length,
    "Delta": _delta,
    "IntegerPacking": _integer_packing,
    "StringArray": _string_array,
}
