"""JSON whose every value knows its line and column, so that a fault can be shown where it stands."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from foldwright.errors import InputError

MAX_DEPTH = 40  # no job file nests deeper than ten; a few thousand brackets would exhaust the stack

_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?![0-9])(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,4})?")
_WORDS = {"true": True, "false": False, "null": None}
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Located:
    """A value and where it begins, both counted from 1.

    value   None, a bool, a number, a string, or Located values: a tuple of them, or Members
    shift   how far behind `column` the first letter of a string stands; None where letters and columns do not run
            together, as behind an escape
    plain   the letters of a YAML scalar without quotes, whatever it means
    wrapped how many letters stand on each line of a text that is joined from several
    """

    value: Scalar | tuple[Located, ...] | Members
    line: int
    column: int
    shift: int | None = None
    plain: str | None = None
    wrapped: tuple[int, ...] = ()

    def place(self, letter: int | None = None) -> tuple[int, int]:
        """Line and column of the value, or of one letter of its text (from 0) as far as that can be told."""
        if letter is None or self.shift is None:
            return self.line, self.column
        for line, length in enumerate(self.wrapped, self.line):
            if letter < length:
                return line, letter + 1
            letter -= length
        return self.line, self.column + self.shift + letter


@dataclass(frozen=True)
class Members:
    """The members of an object in their order; a key may stand there twice."""

    pairs: tuple[tuple[Located, Located], ...]


Scalar = None | bool | int | float | str


def parse_json(text: str, file: str | Path | None = None) -> Located:
    """The value of a JSON text. Raises InputError where it is no JSON, with line and column."""
    return _Json(text, file).whole()


def whole_characters(text: str) -> bool:
    """Whether no character is half of a pair (`\\ud83d` alone), which no file can hold."""
    return not _HALF_CHARACTER.search(text)


class _Json:
    def __init__(self, text: str, file: str | Path | None):
        self.text, self.file, self.at = text, file, 0
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def whole(self) -> Located:
        value = self.value(0)
        if self.peek():
            raise self.wrong("text follows after the end of the JSON value", "One file holds one object or one list.")
        return value

    def value(self, depth: int) -> Located:
        mark = self.peek()
        if depth > MAX_DEPTH:
            raise self.wrong("the values are nested too deeply")
        if mark == "{":
            return self.object(depth)
        if mark == "[":
            return self.array(depth)
        if mark == '"':
            return self.string()
        return self.word()

    def object(self, depth: int) -> Located:
        start, pairs = self.at, []
        self.at += 1
        while self.goes_on("}", not pairs):
            if self.peek() != '"':
                raise self.wrong("a key in double quotes belongs here")
            key = self.string()
            if self.peek() != ":":
                raise self.wrong(f'a colon belongs behind the key "{key.value}"')
            self.at += 1
            pairs.append((key, self.value(depth + 1)))
        return self.located(Members(tuple(pairs)), start)

    def array(self, depth: int) -> Located:
        start, values = self.at, []
        self.at += 1
        while self.goes_on("]", not values):
            values.append(self.value(depth + 1))
        return self.located(tuple(values), start)

    def goes_on(self, closing: str, is_first: bool) -> bool:
        """Past the comma before the next value, or past the closing bracket."""
        mark = self.peek()
        if mark == closing:
            self.at += 1
            return False
        if is_first:
            return True
        if mark != ",":
            raise self.wrong(f'a comma or "{closing}" belongs here')
        self.at += 1
        if self.peek() in ("]", "}"):
            raise self.wrong("a comma stands before a closing bracket", "Remove the comma.")
        return True

    def string(self) -> Located:
        start = self.at
        match = _STRING.match(self.text, start)
        if not match:
            remedy = "Write a line end inside a string as \\n, a backslash as \\\\."
            raise self.wrong("the string has no end on its line, or holds a control character", remedy)
        try:
            value = json.loads(match[0])
        except json.JSONDecodeError as error:
            self.at = start + error.pos
            raise self.wrong("this escape is none of JSON's", "Write a backslash as \\\\.") from None
        if not whole_characters(value):
            raise self.wrong("the string holds half a character (a lone \\ud800 to \\udfff)")
        self.at = match.end()
        return self.located(value, start, shift=1 if len(value) + 2 == len(match[0]) else None)

    def word(self) -> Located:
        start = self.at
        for word, value in _WORDS.items():
            if self.text.startswith(word, start):
                self.at += len(word)
                return self.located(value, start)
        match = _NUMBER.match(self.text, start)
        if not match:
            raise self.wrong("this is no JSON value", "Write a string in double quotes, a number, true, false or null.")
        self.at = match.end()
        is_whole = match[0].lstrip("-").isdigit()
        return self.located(int(match[0]) if is_whole else float(match[0]), start)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def located(self, value, start: int, shift: int | None = None) -> Located:
        return Located(value, *self.place(start), shift)

    def wrong(self, message: str, remedy: str = "Is the file whole? Any JSON editor shows the place.") -> InputError:
        line, column = self.place(min(self.at, len(self.text)))
        at_end = " (the file ends here)" if self.at >= len(self.text) else ""
        return InputError(f"{message}{at_end}.", file=self.file, line=line, column=column, remedy=remedy)
