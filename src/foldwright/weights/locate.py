"""Which file a request for weights means."""

from __future__ import annotations

from pathlib import Path

from foldwright.errors import InputError
from foldwright.models.af2.config import AF2
from foldwright.models.af2.presets import PRESETS
from foldwright.weights.catalog import PUBLICATIONS
from foldwright.weights.formats import SUFFIXES
from foldwright.weights.library import cache_folder, find_fetched, folder_of

RULE = "rule"


def locate(source: str | Path | None, preset: str | None, config: AF2) -> Path | str:
    """The file for a network, or the name of the rule.

    Raises:
        InputError: nothing there, or several files that could be meant.
    """
    if source is None:
        return _in_cache(_names(preset, config))
    name, path = str(source), Path(source).expanduser()
    if name == RULE or name.startswith(f"{RULE}:"):
        return name
    if path.is_dir():
        return _in_folder(path, _names(preset, config))
    if path.exists() or path.suffix in SUFFIXES:
        return path
    if name in PUBLICATIONS:
        return _in_publication(name, _names(preset, config))
    raise InputError(
        f'no weights called "{name}": no such file, folder or publication.',
        remedy='`foldwright weights list` shows what can be fetched; "rule" gives numbers without meaning, for trials.',
    )


def available_presets(source: str | Path | None) -> set[str]:
    """The official models that `locate` finds a file for, by names alone."""
    found = set()
    for name, make in PRESETS.items():
        try:
            locate(source, name, make())
            found.add(name)
        except InputError:
            continue
    return found


def _names(preset: str | None, config: AF2) -> list[str]:
    """The preset, or every one with this configuration."""
    return [preset] if preset else [name for name, make in PRESETS.items() if make() == config]


def _in_cache(names: list[str]) -> Path:
    """What was imported goes before what was fetched, DeepMind's before OpenFold's, the newest first."""
    imported = [cache_folder() / "imported" / f"{name}.safetensors" for name in names]
    fetched = [folder / file for folder, file in _published(names)]
    for path in (*imported, *fetched):
        if path.is_file():
            return path
    model = " or ".join(names) or "this network"
    raise InputError(
        f"no weights of {model} in the cache ({cache_folder()}).",
        remedy=f"Get them with `foldwright weights fetch {names[0] if names else 'NAME'}`, name a file with --weights, "
        "or try things out with --weights rule (numbers without meaning).",
    )


def _published(names: list[str]) -> list[tuple[Path, str]]:
    """Folder and file of every publication that holds one of these models, in the catalogue's order."""
    return [
        (folder_of(p), f"params_{name}.npz" if p.is_archive else p.file_name)
        for p in PUBLICATIONS.values()
        for name in names
        if name in p.presets
    ]


def _in_publication(name: str, names: list[str]) -> Path:
    publication = PUBLICATIONS[name]
    fetched = find_fetched(publication)
    if fetched is None:
        raise InputError(f"{name} has not been fetched.", remedy=f"Run `foldwright weights fetch {name}`.")
    return _in_folder(fetched.files[0].parent, names)


def _in_folder(folder: Path, names: list[str]) -> Path:
    """The file for one of these models: by its name, else by being the only one that the catalogue knows for it."""
    patterns = ("params_{}.npz", "{}.npz", "{}.safetensors", "params/params_{}.npz", "{}.pt")
    by_name = [folder / pattern.format(name) for name in names for pattern in patterns]
    published = {folder / file for _, file in _published(names)}
    for group in (by_name, sorted(published)):
        found = [path for path in group if path.is_file()]
        if len(found) == 1 or (found and group is by_name and len(names) == 1):
            return found[0]
        if found:
            listed = ", ".join(path.name for path in found)
            raise InputError(f"several files fit: {listed}.", file=folder, remedy="Name one of them.")
    here = sorted(path.name for path in folder.iterdir() if path.suffix in SUFFIXES)
    raise InputError(
        f"no weights of {' or '.join(names) or 'this network'} in this folder; "
        + (f"it holds {', '.join(here)}." if here else "it holds no weights at all."),
        file=folder,
        remedy=f"A file is found by its name, params_{names[0] if names else '<model>'}.npz; or name the file itself.",
    )
