"""`foldwright report`: which folders it takes, what it writes, how it ends."""

import json

import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app


def run(*words):
    return CliRunner().invoke(app, ["report", *map(str, words)])


@pytest.fixture
def run_folder(tmp_path):
    """Two jobs that failed: enough to have pages."""
    for name in ("one", "two"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "status.json").write_text(json.dumps({"status": "failed", "why": "x"}), "utf-8")
    return tmp_path / "runs"


def test_a_run_gets_a_page_for_each_job_and_an_index(run_folder):
    result = run(run_folder)
    assert result.exit_code == 0
    assert result.stdout.split() == [
        str(run_folder / name) for name in ("one/report.html", "two/report.html", "index.html")
    ]
    assert "one/report.html" in (run_folder / "index.html").read_text("utf-8")


def test_a_single_job_gets_its_page_only(run_folder):
    assert run(run_folder / "one").exit_code == 0
    assert (run_folder / "one" / "report.html").is_file()
    assert not (run_folder / "index.html").exists()


def test_a_damaged_job_does_not_take_the_others_with_it(run_folder):
    (run_folder / "one" / "run.json").write_text("{", "utf-8")
    result = run(run_folder)
    assert result.exit_code == 1
    assert "run.json" in result.stderr
    assert (run_folder / "two" / "report.html").is_file()


@pytest.mark.parametrize("words", [["--figures", "gif"], ["--palette", "rainbow"]])
def test_unknown_words_are_refused_before_anything_is_written(run_folder, words):
    assert run(run_folder, *words).exit_code == 2
    assert not (run_folder / "one" / "report.html").exists()


def test_a_folder_without_results_is_refused(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "no folder of results" in result.stderr
