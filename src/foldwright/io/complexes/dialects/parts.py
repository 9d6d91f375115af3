"""What the job files of several programs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, product
from pathlib import Path
from string import ascii_uppercase

from foldwright.errors import InputError
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.fields import Field
from foldwright.io.complexes.job import Modification
from foldwright.io.complexes.positions import Members
from foldwright.io.packed import read_packed

CCD_PREFIX = "CCD_"
DEFAULT_SEED = 1  # where a file names none: the same job gives the same result
MAX_COPIES = 1000  # of one entity; far beyond what any machine folds, and no typing error makes a million chains


def one_kind(field: Field, known: Iterable[str]) -> tuple[str, Field | None]:
    """The only member of an object such as {"protein": {...}}, by its name."""
    members = field.members(optional=tuple(known))
    names = field.names()
    if isinstance(field.value, Members) and len(names) != 1:
        message = f"an entity is one of {', '.join(known)}; here stand {', '.join(names) or 'none'}."
        field.refuse(message, "Give each entity its own object.")
    elif names and not members and names[0] in known:
        field.refuse(f"the {names[0]} is empty.", "Give its members, or remove it.")
    return next(iter(members.items())) if len(names) == 1 and members else ("", None)


def read_ids(draft: Draft, place: Place, members: dict[str, Field]) -> tuple[str, ...] | None:
    """One id, or a list of them."""
    if "id" not in members:
        return None
    field = draft.note((*place, "ids"), members["id"])
    items = field.items() if isinstance(field.value, tuple) else (field,)
    if not items:
        field.refuse("the list of ids is empty.", "Name at least one copy.")
    names = [draft.note((*place, "ids", i), item).text() for i, item in enumerate(items)]
    return tuple(name for name in names if name is not None) if names and None not in names else None


def read_sequence(draft: Draft, place: Place, members: dict[str, Field]) -> str | None:
    """The letters of a chain."""
    return draft.note((*place, "sequence"), members["sequence"]).text() if "sequence" in members else None


def modifications(
    draft: Draft, place: Place, field: Field | None, kind: str, position: str, has_prefix: bool = False
) -> tuple[Modification, ...]:
    """The modified residues of a chain; `kind` and `position` are the names of the two members of each."""
    found = []
    for item in draft.note((*place, "modifications"), field).items() if field else ():
        own = (*place, "modifications", len(found))
        members = draft.note(own, item).members((kind, position))
        code = members[kind].text() if kind in members else None
        number = members[position].whole(is_text_right=has_prefix) if position in members else None
        if code is None or number is None:
            continue
        for name, part in (("code", kind), ("position", position)):
            draft.note((*own, name), members[part])
        found.append(Modification(code.removeprefix(CCD_PREFIX) if has_prefix else code, number))
    return tuple(found)


def attached(draft: Draft, place: Place, field: Field, folders: Sequence[Path], name: str | None = None) -> str | None:
    """The text of the file that a field names (or `name`), in the first of the folders that has it."""
    name = field.text("the name of a file") if name is None else name
    if name is None:
        return None
    draft.note(place, field)
    try:
        path = next((path for path in _paths(folders, name) if is_file(path)), folders[0] / name)
        text = read_packed(path).removeprefix("\ufeff").replace("\r\n", "\n")
    except InputError as error:
        field.refuse(f'the file "{name}": {error.message}', error.remedy)
        return None
    draft.files[place] = path
    return text


def around(folder: Path) -> tuple[Path, ...]:
    """Where a path may begin that a program takes from where it is started.

    The folder of the job, the one we were started in, and those above the job's: mostly one is the top of a project.
    """
    return (folder, Path(), *folder.absolute().parents)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a text that can name none is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _paths(folders: Sequence[Path], name: str) -> list[Path]:
    return [folder / name for folder in folders] if name else []


def copies(field: Field | None) -> int:
    """How many copies of an entity a count asks for; 1 where there is none."""
    number = field.whole(1, MAX_COPIES) if field else 1
    return number or 1


def server_ids() -> Iterator[str]:
    """A, B, ... Z, AA, BA, CA, ...: ids as AlphaFold 3 gives them to jobs of its server, least letter first."""
    for size in count(1):
        for letters in product(ascii_uppercase, repeat=size):
            yield "".join(reversed(letters))
