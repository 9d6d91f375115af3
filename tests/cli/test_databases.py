"""`foldwright databases` as a person uses it."""

import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.search.databases import embedded, fetch
from foldwright.search.databases.catalog import RELEASES, Release


def run(*words: object):
    return CliRunner().invoke(app, ["databases", *map(str, words)])


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch, tmp_path):
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "announced_size", lambda urls: None)


def test_the_list_names_sizes_licences_and_sets():
    done = run("list")
    assert done.exit_code == 0
    assert all(name in done.output for name in RELEASES)
    assert "CC BY-SA 4.0" in done.output
    assert "1,800" in done.output
    assert "af2_reduced" in done.output


def test_build_then_check_by_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_DATABASES", str(tmp_path))
    done = run("build", embedded(), "--name", "uniref90", "--no-mmseqs")
    assert done.exit_code == 0, done.output
    assert "uniref90: 1,834 sequences" in done.output
    done = run("check")
    assert done.exit_code == 0
    assert "--preset af2_reduced: not without small_bfd, mgnify, uniprot, pdb70" in done.output
    (tmp_path / "uniref90.fasta").write_text("cut")
    assert run("check").exit_code == 1


def test_a_dry_run_shows_sizes_and_downloads_nothing(tmp_path):
    done = run("fetch", "pdb_seqres", "--databases", tmp_path / "db", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "0.2" in done.output
    assert not (tmp_path / "db").exists()


def test_large_downloads_are_asked_about_and_never_begun_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**15})())
    done = run("fetch", "af2_full", "--databases", tmp_path)
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9})())
    done = run("fetch", "af2_full", "--databases", tmp_path, "--yes")
    assert done.exit_code == 2
    assert "GB are needed and 1.0 GB are free" in done.stderr


def test_fetch_brings_a_database_and_says_where_it_is(tmp_path, monkeypatch):
    fetched = []

    def brought(release: Release, folder, **options):
        fetched.append(release.name)
        return folder / release.target

    monkeypatch.setattr(fetch, "fetch", brought)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**15})())
    done = run("fetch", "af3_rna", "rfam", "--databases", tmp_path, "--yes")
    assert done.exit_code == 0, done.output
    assert fetched == ["rfam", "rnacentral", "nt_rna"]
    assert f"rfam: {tmp_path}" in done.output


def test_mistakes_are_told(tmp_path):
    assert "name it with --databases" in run("fetch", "uniref90").stderr.lower()
    assert "no published database" in run("fetch", "uniref91", "--databases", tmp_path).stderr
    assert "no such folder" in run("check", tmp_path / "gone").stderr
