"""Tables that pair the arrays of a published file with the parameters of a network, readable in both directions.

A table is a nested dictionary in the file's own names. A leaf says which parameter an array becomes and how it is laid
out there; a scope says which submodule its contents belong to:

    LINEAR = {"weights": Transposed("weight"), "bias": Same("bias")}
    TRANSITION = {"input_layer_norm": ("norm", LAYER_NORM), "transition1": ("expand", LINEAR), ...}

Every layout only permutes numbers, so the same table maps parameters to arrays and gradients to gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foldwright.errors import InputError


@dataclass(frozen=True)
class Same:
    """One array as it stands: biases, and the scale and offset of a LayerNorm."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array,)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0]


@dataclass(frozen=True)
class Transposed(Same):
    """[in, out] in the file, [out, in] here."""

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array.mT,)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].mT


@dataclass(frozen=True)
class Column(Same):
    """[out] in the file, where the only input is a number: [out, 1] here."""

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array[:, None],)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].squeeze(-1)


@dataclass(frozen=True)
class Flat(Same):
    """[h, c] in the file, [h * c] here: a bias per head."""

    heads: int

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array.flatten(),)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].unflatten(0, (self.heads, -1))


@dataclass(frozen=True)
class ToHeads(Same):
    """[in, h, c] in the file, [h * c, in] here: queries, keys, values and gates."""

    heads: int

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array.flatten(1).mT,)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].mT.unflatten(1, (self.heads, -1))


@dataclass(frozen=True)
class FromHeads(Same):
    """[h, c, out] in the file, [out, h * c] here: what joins the heads of an attention, or the factors of a product."""

    heads: int

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array.flatten(0, 1).mT,)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].mT.unflatten(0, (self.heads, -1))


@dataclass(frozen=True)
class HeadsFirst(Same):
    """[h, c, in] in the file, [h * c, in] here."""

    heads: int

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (array.flatten(0, 1),)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return parts[0].unflatten(0, (self.heads, -1))


@dataclass(frozen=True)
class Unused:
    """An array that a file has and no network reads: it must be there, and is written as zeros."""

    sizes: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return ()

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return torch.zeros(self.sizes)


@dataclass(frozen=True)
class Joint:
    """Two projections in one array, side by side in each of its groups: the left one first.

    Groups are heads, or the x, y and z of every head; `parts` is the ratio of the two widths.
    """

    left: str
    right: str
    groups: int = 1
    parts: tuple[int, int] = (1, 1)

    @property
    def names(self) -> tuple[str, ...]:
        return self.left, self.right

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        grouped = array.unflatten(-1, (self.groups, -1))
        unit = grouped.shape[-1] // sum(self.parts)
        return tuple(_turned(part.flatten(-2)) for part in grouped.split([unit * part for part in self.parts], dim=-1))

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        grouped = [_turned(part).unflatten(-1, (self.groups, -1)) for part in parts]
        return torch.cat(grouped, dim=-1).flatten(-2)


@dataclass(frozen=True)
class HeadPoints(Same):
    """[(in,) h, 3 p] in the file, each head with its x, y, z; [3 h p(, in)] here, x, y, z each with all heads."""

    heads: int

    def read(self, array: Tensor) -> tuple[Tensor, ...]:
        return (_turned(array.unflatten(-1, (3, -1)).transpose(-2, -3).flatten(-3)),)

    def write(self, parts: tuple[Tensor, ...]) -> Tensor:
        return _turned(parts[0]).unflatten(-1, (3, self.heads, -1)).transpose(-2, -3).flatten(-2)


def _turned(x: Tensor) -> Tensor:
    """A matrix transposed; a vector as it is."""
    return x.mT if x.ndim == 2 else x


Layout = Same | Joint | Unused
Table = Mapping[str, Any]  # name of an array -> Layout; scope -> (path of the submodule, Table), or Stacked


@dataclass(frozen=True)
class Stacked:
    """A scope whose arrays hold one slice per block: `path` names the block by `{i}`.

    Blocks that a file groups have several first axes, as many as `num_blocks` has numbers; the last one runs fastest.
    """

    path: str
    table: Table
    num_blocks: int | tuple[int, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """The first axes of its arrays."""
        return (self.num_blocks,) if isinstance(self.num_blocks, int) else self.num_blocks


@dataclass(frozen=True)
class Entry:
    """One array of the file: its key, its layout, and the submodule of each block it feeds (one if not stacked)."""

    key: str
    layout: Layout
    paths: tuple[str, ...]
    axes: tuple[int, ...]  # that count blocks; none if not stacked

    @property
    def names(self) -> list[tuple[str, ...]]:
        """Parameter names, block by block."""
        return [tuple(join(path, name) for name in self.layout.names) for path in self.paths]

    def read(self, array: Tensor) -> dict[str, Tensor]:
        """The parameters that an array of the file holds."""
        blocks = array.flatten(0, len(self.axes) - 1).unbind() if self.axes else (array,)
        found = (
            zip(names, self.layout.read(block), strict=True) for names, block in zip(self.names, blocks, strict=True)
        )
        return {name: part for pairs in found for name, part in pairs}

    def write(self, values: Mapping[str, Tensor]) -> Tensor:
        """The array of the file that holds these parameters."""
        blocks = [self.layout.write(tuple(values[name] for name in names)) for names in self.names]
        return torch.stack(blocks).unflatten(0, self.axes) if self.axes else blocks[0]

    def shape(self, shapes: Mapping[str, Tensor]) -> tuple[int, ...]:
        """The shape of that array, from one block and without touching data."""
        # Not the meta device: the first of its operations imports seconds of other things.
        block = self.layout.write(tuple(torch.zeros(()).expand(shapes[name].shape) for name in self.names[0]))
        return (*self.axes, *block.shape)


def join(*parts: str, by: str = ".") -> str:
    """Names joined, skipping empty ones."""
    return by.join(filter(None, parts))


def entries(
    table: Table, scope: str = "", paths: tuple[str, ...] = ("",), axes: tuple[int, ...] = ()
) -> Iterator[Entry]:
    """The table as a flat list, one entry per array of the file."""
    for name, item in table.items():
        if isinstance(item, Stacked):
            blocks = tuple(join(paths[0], item.path.format(i=i)) for i in range(prod(item.axes)))
            if blocks:
                yield from entries(item.table, join(scope, name, by="/"), blocks, item.axes)
        elif isinstance(item, tuple):
            inner = tuple(join(path, item[0]) for path in paths)
            yield from entries(item[1], join(scope, name, by="/"), inner, axes)
        else:
            yield Entry(f"{scope}//{name}", item, paths, axes)


def read_arrays(
    model: nn.Module, table: Table, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None
) -> dict[str, Tensor]:
    """The parameters of `model` (which may be on the meta device) as views of the arrays of a file.

    Raises:
        InputError: naming every array that is missing, unused or of another shape than this network needs.
    """
    rows = list(entries(table))
    check_table(model, rows)
    check_arrays(manifest(model, table), arrays, file)
    return {name: part for row in rows for name, part in row.read(_tensor(arrays[row.key])).items()}


def load_arrays(
    model: nn.Module, table: Table, arrays: Mapping[str, np.ndarray], *, file: str | Path | None = None
) -> None:
    """Fill `model` with the arrays of a file, using each exactly once; see `read_arrays`."""
    values = read_arrays(model, table, arrays, file=file)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(values[name])


def write_arrays(table: Table, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters, or their gradients, by parameter name -> the arrays of a file."""
    return {row.key: row.write(values) for row in entries(table)}


def manifest(model: nn.Module, table: Table) -> dict[str, tuple[int, ...]]:
    """Key and shape of every array a file for `model` holds."""
    parameters = dict(model.named_parameters())
    return {row.key: row.shape(parameters) for row in entries(table)}


def check_table(model: nn.Module, rows: list[Entry]) -> None:
    """Refuse a table that does not account for every parameter exactly once: the program's fault, not the file's."""
    named = [name for row in rows for names in row.names for name in names]
    parameters = {name for name, _ in model.named_parameters()}
    twice = {name for name in named if named.count(name) > 1} if len(set(named)) < len(named) else set()
    faults = {"not in the table": parameters - set(named), "not in the model": set(named) - parameters, "twice": twice}
    if any(faults.values()):
        raise ValueError("; ".join(f"{what}: {', '.join(sorted(names))}" for what, names in faults.items() if names))


def check_arrays(
    expected: Mapping[str, tuple[int, ...]], arrays: Mapping[str, np.ndarray], file: str | Path | None = None
) -> None:
    """Refuse a file whose arrays are not exactly the expected ones.

    Raises:
        InputError: naming every array that is missing, unused or mis-shaped.
    """
    shapes = {key: tuple(array.shape) for key, array in arrays.items()}
    missing = [key for key in expected if key not in shapes]
    unused = [key for key in shapes if key not in expected]
    misshapen = [
        f"{key} is {shapes[key]}, should be {shape}"
        for key, shape in expected.items()
        if shapes.get(key, shape) != shape
    ]
    faults = {"missing": missing, "unused": unused, "mis-shaped": misshapen}
    if any(faults.values()):
        told = "; ".join(f"{len(names)} {what}: {', '.join(sorted(names))}" for what, names in faults.items() if names)
        total = sum(prod(shape) for shape in expected.values())
        raise InputError(
            f"these weights do not fit the chosen network ({len(expected)} arrays, {total:,} numbers). {told}.",
            file=file,
            remedy="Choose the model these weights were published for, or fetch the file again if it is incomplete.",
        )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.require(array, requirements=["W", "C"]))
