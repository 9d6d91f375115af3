"""What the pages say can be done: their Python runs, their commands and links exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from foldwright.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)


def commands() -> list[str]:
    """Every `foldwright ...` line of a page, without its comment."""
    lines = [line for page in PAGES for block in fenced(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("foldwright ")]


def test_the_readme_s_python_runs(tmp_path):
    (program,) = fenced(ROOT / "README.md", "python")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(76, 37, 3)")


@pytest.mark.parametrize("example", sorted(p.name for p in (ROOT / "examples").glob("*.py")))
def test_examples_run(example, tmp_path):
    program = [sys.executable, str(ROOT / "examples" / example)]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("command", commands())
def test_commands_of_the_pages_exist(command):
    words = shlex.split(command, comments=True)[1:]
    found = typer.main.get_command(app)
    while isinstance(found, typer.core.TyperGroup):
        assert words, f"{command}: a group of commands"
        found = found.get_command(typer.Context(found), words.pop(0))
    assert found is not None, f"{command}: no such command"
    known = {name for parameter in found.params for name in parameter.opts} | {"-h", "--help"}
    assert {word for word in words if word.startswith("-")} <= known


def test_links_lead_somewhere():
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))]
    broken = [f"{page.name}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()]
    assert len(links) > 5
    assert not broken
