"""The command `foldwright`: its subcommands, and how it ends when something is wrong."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup

import foldwright
from foldwright import interrupts
from foldwright.errors import InputError, TrainingError

COMMANDS = {  # each in the file of its name, which is read when it is called: `foldwright --help` loads no network
    "predict": "Predict the structures of proteins and complexes from sequences and alignments.",
    "jobs": "Show the jobs of a run and how they stand; check and convert job files of complexes.",
    "features": "Write what a network reads of a job, array by array.",
    "search": "Search for relatives and templates of sequences, separately from predicting.",
    "databases": "List, fetch, build and check databases to search in.",
    "relax": "Relieve clashes and bad bonds of predicted structures by restrained minimisation.",
    "report": "Pages and pictures of results, which open without a network.",
    "score": "Confidence of a prediction, or how close it is to a reference.",
    "weights": "List, fetch, import and inspect published parameters.",
    "train": "Train a network from a recipe and prepared data, going on where it was stopped.",
    "evaluate": "Score a network on chains whose structures are known, beside baselines.",
    "distil": "Predict unlabelled sequences with a trained network, to train the next one on.",
    "verify": "Compare this program with stored runs of the original ones.",
    "data": "Prepare chains to train on, and look at them.",
    "profile": "Measure the time, FLOPs and memory of every operation of a training step.",
    "doctor": "Report what this machine can do, what is missing, and how to get it.",
}

GONE_WRONG = 1  # nothing that another input would mend
BAD_INPUT = 2  # as for an option that does not exist
INTERRUPTED = 130  # 128 + SIGINT, as shells expect

GO_ON = "foldwright: stopped. What was finished is kept; the same command goes on from there."


class Commands(TyperGroup):
    """Turns what a person can mend into one paragraph and an exit code, never a traceback."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"foldwright.cli.{cmd_name}")
        found = getattr(module, "app", None) or _single(getattr(module, cmd_name))
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"foldwright: {error}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except TrainingError as error:
            print(f"foldwright: training went wrong: {error}", file=sys.stderr)
            raise typer.Exit(GONE_WRONG) from None
        except KeyboardInterrupt:
            print(GO_ON, file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None


def _single(function) -> typer.Typer:
    """An app of one command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(function)
    return app


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> bool:
    if is_wanted:
        print(f"foldwright {foldwright.__version__}")
        raise typer.Exit
    return is_wanted


@app.callback()
def _foldwright(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """AlphaFold 2 and 3 in PyTorch: structures from sequences, alignments and jobs of any molecules."""


def main() -> None:
    """Entry point of the command; a request to end is treated like Ctrl-C, so that no job is left half-written."""
    interrupts.remember()
    app()
