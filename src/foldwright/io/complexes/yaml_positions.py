"""YAML whose every value knows its line and column; only what JSON could say too is taken."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.complexes.positions import MAX_DEPTH, Located, Members, whole_characters

_PLAIN_KINDS = ("null", "bool", "int", "float", "str")


def parse_yaml(text: str, file: str | Path | None = None) -> Located:
    """The only document of a YAML text. Raises InputError where it is none, holds aliases, or nests too deeply.

    Raises InputError too where PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        remedy = 'Run: pip install "foldwright[af3]"'
        raise InputError("YAML files need PyYAML.", file=file, remedy=remedy) from error
    try:
        node = yaml.compose(text, Loader=_shallow_loader())
        if node is None:
            raise InputError("the file holds no value.", file=file, line=1, remedy="Was it written completely?")
        return _Nodes(yaml.SafeLoader(""), file).located(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        message = f"this is no YAML: {error.problem or error.context}."
        raise InputError(
            message, file=file, line=line, column=column, remedy="Are the lines indented evenly?"
        ) from error
    except yaml.YAMLError as error:
        message = f"this is no YAML: {' '.join(str(error).split())}."
        raise InputError(message, file=file, line=1, remedy="Give plain UTF-8 text.") from error


def _shallow_loader() -> Any:
    """PyYAML's safe loader, which stops where values nest too deeply."""
    import yaml

    class Shallow(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                mark = self.peek_event().start_mark
                raise yaml.MarkedYAMLError(problem="the values are nested too deeply", problem_mark=mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Shallow


class _Nodes:
    """Nodes of PyYAML made into located values."""

    def __init__(self, loader: Any, file: str | Path | None):
        self.loader, self.file = loader, file
        self.seen: set[int] = set()

    def located(self, node: Any) -> Located:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if id(node) in self.seen:
            raise self.wrong("an alias stands here", node, "Write the value out.")
        self.seen.add(id(node))
        if node.id == "sequence":
            return Located(tuple(self.located(item) for item in node.value), line, column)
        if node.id == "mapping":
            pairs = ((self.located(key), self.located(value)) for key, value in node.value)
            return Located(Members(tuple(pairs)), line, column)
        return self.scalar(node, line, column)

    def scalar(self, node: Any, line: int, column: int) -> Located:
        kind = node.tag.rpartition(":")[2]
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise self.wrong(f"the tag {node.tag} is not known", node)
        if not whole_characters(node.value):
            raise self.wrong("the text holds half a character", node)
        is_one_line = node.start_mark.line == node.end_mark.line
        width = node.end_mark.column - node.start_mark.column
        is_plain = node.style is None
        quotes = 0 if is_plain else 1
        shift = quotes if is_one_line and width == len(node.value) + 2 * quotes else None
        plain = node.value if is_plain else None
        return Located(self.meaning(node, kind), line, column, shift, plain)

    def meaning(self, node: Any, kind: str) -> Any:
        """What a scalar means, where JSON knows such values; a date and the like is its letters."""
        if kind not in _PLAIN_KINDS or kind == "str":
            return node.value
        try:
            value = self.loader.construct_object(node)
        except (ValueError, OverflowError):
            return node.value
        return node.value if isinstance(value, float) and not math.isfinite(value) else value

    def wrong(self, message: str, node: Any, remedy: str | None = None) -> InputError:
        mark = node.start_mark
        return InputError(f"{message}.", file=self.file, line=mark.line + 1, column=mark.column + 1, remedy=remedy)
