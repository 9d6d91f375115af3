"""The command itself: quick help, one paragraph for what a person can mend, exit codes."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import foldwright
from foldwright.cli import doctor, main
from foldwright.errors import InputError


def invoke(*words):
    return CliRunner().invoke(main.app, list(words))


def test_help_names_every_command_without_loading_torch():
    code = (
        "import sys; from typer.testing import CliRunner; from foldwright.cli.main import app;"
        "print(CliRunner().invoke(app, ['--help']).stdout); assert 'torch' not in sys.modules"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert all(name in shown for name in main.COMMANDS)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_its_own_help(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert f" {name} " in result.stdout


def test_version_is_printed():
    assert invoke("--version").stdout == f"foldwright {foldwright.__version__}\n"


def test_an_unknown_command_is_an_error():
    result = invoke("foldit")
    assert result.exit_code == 2
    assert "foldit" in result.stderr


def test_what_a_person_can_mend_is_one_paragraph_and_exit_code_2(monkeypatch):
    def fail():
        raise InputError("is empty.", file="a.fasta", line=3, remedy="Fill it.")
        yield

    monkeypatch.setattr(doctor, "examine", fail)
    result = invoke("doctor")
    assert result.exit_code == 2
    assert result.stderr == "foldwright: a.fasta, line 3: is empty. Fill it.\n"


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "foldwright", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("foldwright ")
