"""Programs of this machine: found, run, stopped, and named with the way to get them when they are missing."""

import os
import stat
import subprocess
import time

import pytest

from foldwright.errors import InputError
from foldwright.search.programs import installed
from foldwright.search.recipes import RECIPES
from foldwright.search.stage import search_chains


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Puts a shell script of this name and text where programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    installed.version.cache_clear()

    def put(name, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    yield put
    installed.version.cache_clear()


@pytest.mark.parametrize("program", ["jackhmmer", "hhblits", "hhsearch", "mmseqs"])
def test_a_missing_program_is_named_with_how_to_install_it(program, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=f"{program} is not installed.*apt install.*bioconda"):
        installed.executable(program)


def test_a_missing_program_stops_a_search_before_it_begins(monkeypatch, tmp_path, options):
    monkeypatch.setenv("PATH", str(tmp_path))
    installed.version.cache_clear()
    with pytest.raises(InputError, match="jackhmmer is not installed"):
        search_chains(["MKV"], options(engine="programs"))


@pytest.mark.parametrize(
    ("program", "says", "version"),
    [
        ("jackhmmer", "# jackhmmer :: search\n# HMMER 3.4 (Aug 2023); http://hmmer.org/", "3.4"),
        ("hhblits", "HHblits 3.3.0:\nHMM-HMM-based search", "3.3.0"),
        ("mmseqs", "14-7e284", "14-7e284"),
        ("hhsearch", "nothing one can read", "unknown"),
    ],
)
def test_versions_are_read(on_path, program, says, version):
    on_path(program, f"cat <<'X'\n{says}\nX")
    assert installed.version(program) == version


def test_a_program_that_fails_is_quoted(on_path, tmp_path):
    on_path("mmseqs", "echo 'Database is broken' >&2; exit 3")
    with pytest.raises(InputError, match=r"mmseqs ended with code 3: Database is broken"):
        installed.call("mmseqs", "search", folder=tmp_path)


def test_what_a_program_started_ends_with_an_interrupt(on_path, tmp_path, monkeypatch):
    """Debian's hhblits is a script that starts another program."""
    on_path("hhblits", f"(echo $$ > {tmp_path}/begun; sleep 60; touch {tmp_path}/too-late) & wait")
    process = subprocess.Popen.communicate

    def interrupted(self, *rest):
        while not (tmp_path / "begun").exists():
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        installed.call("hhblits", folder=tmp_path)
    monkeypatch.setattr(subprocess.Popen, "communicate", process)
    group = int((tmp_path / "begun").read_text())
    deadline = time.monotonic() + 10
    while _lives(group) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(group)


def _lives(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def test_every_program_of_the_recipes_can_be_installed_by_name():
    kinds = {type(step.parameters).__name__.lower() for recipe in RECIPES.values() for step in recipe()}
    assert kinds <= set(installed._PACKAGES)
