"""Programs that search: which one does a step."""

from __future__ import annotations

from foldwright.search.found import Program
from foldwright.search.recipes import Step


def choose_program(step: Step, engine: str) -> Program:
    """The program for a step under this engine.

    Raises InputError if the engine cannot do it.
    """
    from foldwright.search.programs.in_process import JackhmmerInProcess

    return JackhmmerInProcess()
