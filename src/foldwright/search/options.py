"""What a person may choose about a search."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.cache_folder import cache_folder
from foldwright.search.colabfold import PUBLIC
from foldwright.search.recipes import COLABFOLD, LOCAL, PRESETS

SERVER = "server"
ENGINES = ("auto", "pyhmmer", "programs", SERVER)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How relatives and templates are searched for.

    preset      a recipe of `recipes.PRESETS`; `local` searches every FASTA file of `databases`, or without a folder the
                small database of the package
    databases   folder with the databases of the preset; None is $FOLDWRIGHT_DATABASES if that is set
    engine      `pyhmmer` in this process, installed `programs`, the public `server`; `auto` takes pyhmmer where it can
                do the step, else a program, and never the server
    max_rows    rows kept of single steps, by their name, instead of the recipe's
    templates   whether steps that find templates are run
    server      address that the engine `server` asks
    gpu         whether MMseqs2 searches on a GPU
    cache       folder of results; None is the cache of this system
    refresh     search again even what the cache holds
    threads     CPU threads of one search; None is all of them

    Raises InputError for a choice that does not exist.
    """

    preset: str = LOCAL
    databases: Path | None = None
    engine: str = "auto"
    max_rows: Mapping[str, int] = field(default_factory=dict)
    templates: bool = True
    server: str = PUBLIC
    gpu: bool = False
    cache: Path | None = None
    refresh: bool = False
    threads: int | None = None

    def __post_init__(self):
        _check_choice("--preset", self.preset, PRESETS)
        _check_choice("--engine", self.engine, ENGINES)
        self._check_engine()
        for name, value in {
            "--threads": self.threads,
            **{f"--max-rows {k}": v for k, v in self.max_rows.items()},
        }.items():
            if value is not None and value < 1:
                raise InputError(f"{value} is not possible.", field=name, remedy="Give at least 1.")
        if self.folder is not None and not self.folder.is_dir():
            remedy = "Give a folder, or make one with `foldwright databases fetch`."
            raise InputError("no such folder of databases.", file=self.folder, field="--databases", remedy=remedy)

    def _check_engine(self) -> None:
        if self.engine == SERVER and self.preset != COLABFOLD:
            remedy = f"Choose --preset {COLABFOLD} with it."
            raise InputError(f"the server does not search {self.preset}.", field="--engine", remedy=remedy)
        if self.gpu and (self.preset != COLABFOLD or self.engine == SERVER):
            remedy = f"Choose --preset {COLABFOLD} --engine programs, or leave --gpu out."
            raise InputError("only MMseqs2 on this machine searches on a GPU.", field="--gpu", remedy=remedy)

    @property
    def folder(self) -> Path | None:
        """Where the databases lie."""
        named = self.databases or os.environ.get("FOLDWRIGHT_DATABASES")
        return Path(named).expanduser() if named else None

    @property
    def cache_folder(self) -> Path:
        return self.cache or cache_folder() / "search"

    @property
    def num_threads(self) -> int:
        return self.threads or os.cpu_count() or 1


def _check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f'"{value}" is not known.', field=option, remedy=f"Choose one of {', '.join(known)}.")
