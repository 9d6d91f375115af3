"""HTML as nested calls; text is escaped, markup is not."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Markup(str):
    """Text that is HTML already."""


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """One element. `class_` and `for_` lose their underscore, other underscores are hyphens; None and False leave
    an attribute or a piece of content out, True writes the bare name."""
    head = f"{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    return Markup(f"<{head}>") if name in VOID else Markup(f"<{head}>{html(*content)}</{name}>")


def html(*content: object) -> Markup:
    """Pieces one after the other: markup as it stands, everything else as text."""
    return Markup("".join(map(_piece, content)))


def table(caption: object, head: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Markup:
    """A table whose first column names its rows; numbers are set right."""
    titles = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    lines = [tag("tr", *(_cell(cell, i == 0) for i, cell in enumerate(row))) for row in rows]
    inner = tag("table", tag("caption", caption), tag("thead", titles), tag("tbody", *lines), **attributes)
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=_text(caption))


def _cell(value: object, is_name: bool) -> Markup:
    text = "–" if value is None else value
    if is_name:
        return tag("th", text, scope="row")
    return tag("td", text, class_="number" if _is_number(text) else None)


def _is_number(value: object) -> bool:
    text = str(value).replace(",", "").removesuffix("%").strip()
    return not isinstance(value, Markup) and text.replace(".", "", 1).removeprefix("-").isdigit()


def _piece(content: object) -> str:
    if content is None or content is False:
        return ""
    return content if isinstance(content, Markup) else escape(str(content), quote=False)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _text(content: object) -> str | None:
    return None if isinstance(content, Markup) else str(content)
