"""Files of chemical components: the copy that biotite brings, mmCIF, BinaryCIF, and JSON of mmCIF columns."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from foldwright.chem.binary_cif import Column, Texts, read_blocks
from foldwright.chem.components import Component, Components, component_of_columns
from foldwright.errors import InputError

# What an entry given by a user must have (AlphaFold 3's documentation of its input).
_REQUIRED = {
    "_chem_comp": ("id", "name", "type", "formula", "mon_nstd_parent_comp_id", "pdbx_synonyms", "formula_weight"),
    "_chem_comp_atom": ("comp_id", "atom_id", "type_symbol", "charge", *(f"pdbx_model_Cartn_{x}_ideal" for x in "xyz")),
    "_chem_comp_bond": ("atom_id_1", "atom_id_2", "value_order", "pdbx_aromatic_flag"),
}
_ID_COLUMNS = {"chem_comp": "id"}  # of all other categories: comp_id
_GZIP = b"\x1f\x8b"


@cache
def bundled() -> Components:
    """The CCD of the installed biotite, read once. Raises InputError if there is none."""
    spec = find_spec("biotite")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = next((p for f in folders if (p := Path(f) / "structure" / "info" / "components.bcif").exists()), None)
    if path is None:
        message = "The Chemical Component Dictionary comes with biotite, which is not installed or has no copy of it."
        raise InputError(message, remedy='pip install "foldwright[af3]" brings it.')
    return replace(_read_binary(path), source=f"CCD of biotite {version('biotite')}")


def read(path: Path) -> Components:
    """Components of a file, told by its content. Raises InputError if it holds none."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise InputError(f"It cannot be read ({error.strerror}).", file=path) from error
    if start[:1] and start[0] >= 0x80 and start[:2] != _GZIP:  # a msgpack map; text never begins so
        return _read_binary(path)
    text = _text(path)
    components = _of_json(path, text) if text.lstrip()[:1] == "{" else _of_mmcif(path, text)
    if not components:
        raise InputError("It has no chemical components.", file=path, remedy="Expected: _chem_comp tables of the CCD.")
    return components


def user_blocks(mmcif: str, file: str | Path | None) -> dict[str, Component]:
    """The components of a user's text by code. Raises InputError where a block lacks something required."""
    found: dict[str, Component] = {}
    for block in _blocks(mmcif, file):
        _check_required(block, file)
        component = component_of_columns(partial(_column, block))
        if component.code in found:
            raise InputError(f"Component {component.code} is given twice.", file=file, field=f"data_{block.name}")
        found[component.code] = component
    if not found:
        raise InputError("A user's CCD needs at least one data block.", file=file, field="userCCD")
    return found


def _check_required(block: gemmi.cif.Block, file: str | Path | None) -> None:
    atoms = block.find_values("_chem_comp_atom.atom_id")
    for category, names in _REQUIRED.items():
        if category == "_chem_comp_bond" and len(atoms) == 1 and not block.find_mmcif_category(category):
            continue  # an ion has nothing to bond with
        for name in names:
            if not len(block.find_values(f"{category}.{name}")):
                message = f"The block data_{block.name} of the user's CCD has no column {category}.{name}."
                raise InputError(message, file=file, field="userCCD", remedy="AlphaFold 3 requires it.")


def _blocks(text: str, file: str | Path | None) -> gemmi.cif.Document:
    try:
        return gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"It is no mmCIF: {error}.", file=file, field="userCCD" if file is None else None) from error


def _column(block: gemmi.cif.Block, name: str) -> list[str | None]:
    values = block.find_values(name)
    return [None if gemmi.cif.is_null(value) else gemmi.cif.as_string(value) for value in values]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == _GZIP else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError("It is neither text nor gzipped text.", file=path) from error


def _of_mmcif(path: Path, text: str) -> Components:
    blocks = {
        gemmi.cif.as_string(code): block
        for block in _blocks(text, path)
        if (code := block.find_value("_chem_comp.id")) is not None
    }
    entries = {code: partial(component_of_columns, partial(_column, block)) for code, block in blocks.items()}
    dates = (block.find_value("_chem_comp.pdbx_modified_date") for block in blocks.values())
    return _dated(entries, path, (gemmi.cif.as_string(text) for text in dates if text))


def _of_json(path: Path, text: str) -> Components:
    """A JSON object: code -> mmCIF name of a column -> its rows, `?` and `.` where there is no value."""

    def column(rows: Mapping[str, list[str]], name: str) -> list[str | None]:
        return [None if value in ("?", ".") else str(value) for value in rows.get(name, ())]

    try:
        content: dict[str, dict[str, list[str]]] = json.loads(text)
        dates = [row for rows in content.values() for row in rows.get("_chem_comp.pdbx_modified_date", ())]
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError("It is no JSON of components and their mmCIF columns.", file=path) from error
    entries = {code: partial(component_of_columns, partial(column, rows)) for code, rows in content.items()}
    return _dated(entries, path, iter(dates))


def _read_binary(path: Path) -> Components:
    entries: dict[str, Callable[[], Component]] = {}
    dates: list[str] = []
    for block in read_blocks(path):
        if "chem_comp" not in block:
            continue
        tables = {name: (table, _rows_by_code(path, name, table)) for name, table in block.items()}
        codes = tables["chem_comp"][1]
        entries |= {code: partial(component_of_columns, partial(_slice, tables, code)) for code in codes}
        dates += _choices(block["chem_comp"].get("pdbx_modified_date"))
    return _dated(entries, path, iter(dates))


def _rows_by_code(path: Path, category: str, table: Mapping[str, Column]) -> dict[str, slice]:
    """Where the rows of each component stand; they are together."""
    column = table.get(_ID_COLUMNS.get(category, "comp_id"))
    if column is None or not isinstance(column.values, Texts):
        return {}
    numbers = column.values.numbers
    starts = np.flatnonzero(np.diff(numbers, prepend=-2)).tolist()
    ends = [*starts[1:], len(numbers)]
    found = {column.values.choices[numbers[a]]: slice(a, b) for a, b in zip(starts, ends, strict=True)}
    if len(found) < len(starts):
        raise InputError(f"Rows of one component stand apart in the table _{category}.", file=path)
    return found


def _slice(tables: Mapping[str, tuple[Mapping[str, Column], Mapping[str, slice]]], code: str, name: str) -> list[Any]:
    category, _, column = name.removeprefix("_").partition(".")
    table, rows = tables.get(category, ({}, {}))
    return table[column].rows(rows[code]) if column in table and code in rows else []


def _choices(column: Column | None) -> tuple[str, ...]:
    return column.values.choices if column is not None and isinstance(column.values, Texts) else ()


def _dated(entries: Mapping[str, Callable[[], Component]], path: Path, dates: Iterator[str]) -> Components:
    newest = max((text for text in dates if len(text) == 10 and text[0].isdigit()), default=None)
    return Components(entries, str(path), date.fromisoformat(newest) if newest else None)
