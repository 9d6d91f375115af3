"""The fields of a job file: each is asked for what it should hold, and keeps a list of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.complexes.positions import Located, Members

_SHOWN = 40  # letters of a value that an error repeats


@dataclass
class Faults:
    """What is wrong with a file or one of its jobs, in the order it was found."""

    file: Path | None
    found: list[InputError] = field(default_factory=list)

    def add(self, message: str, line: int, column: int | None, name: str | None, remedy: str | None) -> None:
        known = InputError(message, file=self.file, line=line, column=column, field=name or None, remedy=remedy)
        if str(known) not in map(str, self.found[-20:]):
            self.found.append(known)


@dataclass(frozen=True)
class Field:
    """A value with its place and its path (`sequences[0].protein.id`); what is asked and wrong goes to `faults`."""

    located: Located
    path: str
    faults: Faults

    @property
    def value(self):
        return self.located.value

    def refuse(self, message: str, remedy: str | None = None, letter: int | None = None) -> None:
        """Note a fault of this field, or of one letter of its text (from 0)."""
        self.faults.add(message, *self.located.place(letter), self.path, remedy)

    def apart(self) -> Field:
        """This field with a list of faults of its own, as for one job of several."""
        return Field(self.located, self.path, Faults(self.faults.file))

    def text(self, what: str = "a string") -> str | None:
        """The string; from YAML also a word that would mean a number or a truth value, by its letters."""
        if isinstance(self.value, str):
            return self.value
        if self.located.plain is not None and self.value is not None:
            return self.located.plain
        return self._other(what)

    def whole(self, least: int | None = None, most: int | None = None, is_text_right: bool = False) -> int | None:
        """The whole number between two bounds; as a string too if that is right."""
        value = self.value
        if is_text_right and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self._other("a whole number")
        if (least is not None and value < least) or (most is not None and value > most):
            allowed = f"{least} or more" if most is None else f"{least} to {most}"
            return self.refuse(f"{value} is out of range.", f"Give {allowed}.")
        return value

    def truth(self) -> bool | None:
        return self.value if isinstance(self.value, bool) else self._other("true or false")

    def items(self, what: str = "a list") -> tuple[Field, ...]:
        if not isinstance(self.value, tuple):
            self._other(what)
            return ()
        return tuple(Field(item, f"{self.path}[{i}]", self.faults) for i, item in enumerate(self.value))

    def members(
        self, required: Iterable[str] = (), optional: Iterable[str] = (), refused: Mapping[str, str] | None = None
    ) -> dict[str, Field]:
        """The members that are known and not null; `refused` says of a key why it cannot be honoured."""
        if not isinstance(self.value, Members):
            self._other("an object with named members")
            return {}
        found: dict[str, Field] = {}
        known = [*required, *optional]
        for key, value in self.value.pairs:
            name = str(key.plain if key.plain is not None else key.value)
            member = Field(value, f"{self.path}.{name}".lstrip("."), self.faults)
            at_key = Field(key, member.path, self.faults)
            if name in found:
                at_key.refuse(f'"{name}" stands here twice.', "Keep one of them.")
            elif name in (refused or {}):
                if not member.is_empty():
                    at_key.refuse((refused or {})[name], "Remove it, or use a program that honours it.")
            elif name not in known:
                at_key.refuse(f'"{name[:_SHOWN]}" is no key of this dialect here.', _nearest(name, known))
            else:
                found[name] = member
        for name in required:
            if name not in found or found[name].value is None:
                self.refuse(f'"{name}" is missing.', f'Add "{name}".')
        return {name: member for name, member in found.items() if member.value is not None}

    def is_empty(self) -> bool:
        """Whether it asks for nothing: null, false, or a list or an object without members."""
        return self.value in (None, False, ()) or self.value == Members(())

    def names(self) -> tuple[str, ...]:
        """The names of the members, whatever they are."""
        return tuple(str(key.value) for key, _ in self.value.pairs) if isinstance(self.value, Members) else ()

    def member_text(self, name: str) -> str | None:
        """The string under this name, if there is one; nothing is noted."""
        pairs = self.value.pairs if isinstance(self.value, Members) else ()
        return next((str(value.value) for key, value in pairs if key.value == name), None)

    def _other(self, what: str) -> None:
        self.refuse(f"{_kind(self.value)} stands where {what} belongs.")


def _kind(value: object) -> str:
    if isinstance(value, Members):
        return "an object"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, str):
        return f'the string "{value[:_SHOWN]}"'
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, float)
        else str(value)
    )


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f'Did you mean "{near[0]}"?' if near else f"Known here are {', '.join(known)}."
