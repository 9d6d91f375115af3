"""The command `foldwright`: its subcommands, and how it ends when something is wrong."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

import foldwright
from foldwright.cli import doctor, predict, score, verify, weights
from foldwright.errors import InputError

BAD_INPUT = 2  # as for an option that does not exist
INTERRUPTED = 130  # 128 + SIGINT, as shells expect

GO_ON = "foldwright: stopped. What was finished is kept; the same command goes on from there."


class Commands(TyperGroup):
    """Turns what a person can mend into one paragraph and an exit code, never a traceback."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"foldwright: {error}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            print(GO_ON, file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="AlphaFold 2 in PyTorch: protein structures from sequences and alignments.",
)
app.command("predict")(predict.predict)
app.command("score")(score.score)
app.add_typer(weights.app, name="weights")
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"foldwright {foldwright.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the command."""
    app()
