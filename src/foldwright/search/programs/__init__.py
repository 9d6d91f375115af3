"""Programs that search: which one does a step under which engine."""

from __future__ import annotations

from collections.abc import Callable

from foldwright.errors import InputError
from foldwright.search.found import Program
from foldwright.search.parameters import Hhblits, Hhsearch, Hmmsearch, Jackhmmer, Mmseqs, Nhmmer, Server
from foldwright.search.programs.hhsuite import InstalledHhblits, InstalledHhsearch
from foldwright.search.programs.in_process import HmmsearchInProcess, JackhmmerInProcess, NhmmerInProcess
from foldwright.search.programs.jackhmmer import InstalledJackhmmer
from foldwright.search.programs.mmseqs import InstalledMmseqs
from foldwright.search.programs.server import ServerSearch
from foldwright.search.recipes import Step

PROGRAMS: dict[type, dict[str, Callable[[], Program]]] = {  # of one kind of parameters, the preferred engine first
    Jackhmmer: {"pyhmmer": JackhmmerInProcess, "programs": InstalledJackhmmer},
    Nhmmer: {"pyhmmer": NhmmerInProcess, "programs": NhmmerInProcess},
    Hmmsearch: {"pyhmmer": HmmsearchInProcess, "programs": HmmsearchInProcess},
    Hhblits: {"programs": InstalledHhblits},
    Hhsearch: {"programs": InstalledHhsearch},
    Mmseqs: {"programs": InstalledMmseqs},
    Server: {"server": ServerSearch},
}


def choose_program(step: Step, engine: str) -> Program:
    """The program for a step; `auto` is the first that can do it.

    Raises InputError if the engine cannot do it.
    """
    possible = PROGRAMS[type(step.parameters)]
    name = next(iter(possible)) if engine == "auto" else engine
    if name not in possible:
        kind = type(step.parameters).__name__.lower()
        remedy = f"Choose --engine {' or '.join(possible)} (or auto), or another --preset."
        message = f"the step {step.name} is searched by {kind}, which {engine} does not offer."
        raise InputError(message, field="--engine", remedy=remedy)
    return possible[name]()
