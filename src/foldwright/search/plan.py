"""A recipe made ready on this machine: each step with its program and its databases, all of them looked at first."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.search import recipes
from foldwright.search.cache import key_of
from foldwright.search.databases.embedded import embedded
from foldwright.search.databases.places import find
from foldwright.search.found import Database, Program, Query
from foldwright.search.identity import Identity, identify
from foldwright.search.options import SearchOptions
from foldwright.search.parameters import Mmseqs, Server
from foldwright.search.programs import choose_program
from foldwright.search.recipes import COLABFOLD, LOCAL, Step

FASTA = (".fasta", ".fa", ".faa", ".fas")


@dataclass(frozen=True)
class PlannedStep:
    """A step that can be run here and now."""

    step: Step
    program: Program
    databases: tuple[Database, ...]
    identities: tuple[Identity, ...]
    version: str

    def key(self, query: Query) -> str:
        """The name of this search in the cache."""
        return key_of(
            sequence=query.sequence,
            profile=None if query.profile is None else _digest(query.profile),
            databases=[identity.digest for identity in self.identities],
            program=self.program.name,
            version=self.version,
            parameters={type(self.step.parameters).__name__: asdict(self.step.parameters)},
            max_rows=self.step.max_rows,
        )


def _digest(rows: Alignment) -> str:
    return hashlib.sha256(rows.letters.tobytes() + rows.deletions.tobytes()).hexdigest()


def planned_steps(options: SearchOptions) -> tuple[PlannedStep, ...]:
    """The steps of the preset.

    Raises InputError if a program or a database is missing, before anything is searched.
    """
    return tuple(_planned(step, options) for step in chosen_steps(options))


def chosen_steps(options: SearchOptions) -> tuple[Step, ...]:
    """The preset's steps with the limits that were asked for."""
    steps = _steps(options)
    unknown = set(options.max_rows) - {step.name for step in steps}
    if unknown:
        remedy = f"Steps of {options.preset}: {', '.join(step.name for step in steps)}."
        raise InputError(f'no step "{min(unknown)}".', field="--max-rows", remedy=remedy)
    return tuple(_limited(step, options) for step in steps if options.templates or step.gives != ("templates",))


def local_files(options: SearchOptions) -> dict[str, Path]:
    """The databases of the preset `local` by name: FASTA files of the folder, else the one of the package."""
    if options.folder is None:
        return {"embedded": embedded()}
    files = {_name(file): file for file in sorted(options.folder.iterdir()) if _is_fasta(file)}
    if not files:
        remedy = f"Put sequences there ({', '.join(FASTA)}, gzip or plain), or choose another --preset."
        raise InputError("no FASTA file is in this folder.", file=options.folder, field="--databases", remedy=remedy)
    return files


def _limited(step: Step, options: SearchOptions) -> Step:
    """The step with what the person chose for it."""
    parameters = step.parameters
    if isinstance(parameters, Mmseqs):
        parameters = replace(parameters, gpu=options.gpu)
    if isinstance(parameters, Server):
        parameters = replace(parameters, host=options.server, templates=options.templates)
    return replace(
        step,
        max_rows=options.max_rows.get(step.name, step.max_rows),
        parameters=parameters,
        gives=step.gives if options.templates else tuple(kind for kind in step.gives if kind != "templates"),
    )


def _steps(options: SearchOptions) -> tuple[Step, ...]:
    if options.preset == LOCAL:
        return recipes.local(*local_files(options))
    if options.engine == "server":
        return recipes.colabfold_server()
    return recipes.RECIPES[options.preset]()


def _planned(step: Step, options: SearchOptions) -> PlannedStep:
    program = choose_program(step, options.engine)
    version = program.version()
    databases = tuple(Database(name, _locate(name, options)) for name in step.databases)
    memory = options.cache_folder / "digests"
    identities = tuple(identify(database.name, program.files(database), memory) for database in databases)
    return PlannedStep(step, program, databases, identities, version)


def _locate(name: str, options: SearchOptions) -> Path:
    if options.preset == LOCAL:
        return local_files(options)[name]
    if options.folder is None:
        other = "ask the public server with --engine server (the sequences leave this machine)"
        raise InputError(
            f"the preset {options.preset} needs a folder of databases.",
            field="--databases",
            remedy="Name it with --databases or $FOLDWRIGHT_DATABASES, fetch one with `foldwright databases fetch`, "
            f"or {other if options.preset == COLABFOLD else 'choose --preset local'}.",
        )
    return find(options.folder, name)


def _is_fasta(file: Path) -> bool:
    return not file.name.startswith(".") and file.name.removesuffix(".gz").endswith(FASTA) and file.is_file()


def _name(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).stem
