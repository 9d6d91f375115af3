"""mmCIF text in the layout of AlphaFold 3's files: a category of one row as pairs, any other as a loop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Items = Mapping[str, Any]  # for each item one value, or a column of them
_RESERVED = re.compile(r"(data_|save_|loop_|stop_|global_)", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"'#$\[\];_][^\s\"'#]*")


def cif_text(name: str, categories: Mapping[str, Items]) -> str:
    """One block. Values of a category repeat beside its columns; a category without rows is left out."""
    return f"data_{name}\n#\n" + "".join(_category(category, items) for category, items in categories.items())


def quoted(value: Any) -> str:
    """A value as it stands in the file; if it must, on lines of its own, the first of which begins with a semicolon."""
    text = str(value)
    if _PLAIN.fullmatch(text) and not _RESERVED.match(text):
        return text
    if "\n" in text or ('"' in text and "'" in text):
        return "\n;" + text.replace("\n;", "\n ;") + "\n;\n"
    return f"'{text}'" if '"' in text else f'"{text}"'


def _category(name: str, items: Items) -> str:
    tags = [f"_{name}.{tag}" for tag in items]
    rows = _rows(items)
    if not rows:
        return ""
    return (_pairs(tags, rows[0]) if len(rows) == 1 else _loop(tags, rows)) + "#\n"


def _rows(items: Items) -> list[tuple[str, ...]]:
    columns = {tag: value for tag, value in items.items() if not isinstance(value, str | int | float)}
    count = len(next(iter(columns.values()))) if columns else 1
    return list(zip(*([quoted(x) for x in columns.get(tag, [items[tag]] * count)] for tag in items), strict=True))


def _pairs(tags: Sequence[str], row: Sequence[str]) -> str:
    width = max(map(len, tags))
    return "".join(
        tag + value if "\n" in value else f"{tag:<{width}} {value}\n" for tag, value in zip(tags, row, strict=True)
    )


def _loop(tags: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max((len(value) for value in column if "\n" not in value), default=0) for column in zip(*rows)]  # noqa: B905
    lines = "".join(_line(row, widths) for row in rows)
    return "loop_\n" + "".join(f"{tag}\n" for tag in tags) + lines


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """One row in columns; what follows a value that has lines of its own begins a new one."""
    text = "".join(v if "\n" in v else v.ljust(width) + " " for v, width in zip(row, widths, strict=True))
    return text if text.endswith("\n") else text + "\n"
