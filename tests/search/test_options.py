"""What may be chosen about a search, and what is refused before anything runs."""

from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.search.options import SearchOptions


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"preset": "alphafold"}, "--preset"),
        ({"engine": "magic"}, "--engine"),
        ({"engine": "server"}, "--engine"),
        ({"gpu": True}, "--gpu"),
        ({"preset": "colabfold", "engine": "server", "gpu": True}, "--gpu"),
        ({"threads": 0}, "--threads"),
        ({"max_rows": {"mgnify": 0}}, "--max-rows mgnify"),
        ({"databases": Path("/no/such/folder")}, "--databases"),
    ],
)
def test_choices_that_cannot_be_are_refused_by_name(changes, field):
    with pytest.raises(InputError) as caught:
        SearchOptions(**changes)
    assert caught.value.field == field
    assert caught.value.remedy


def test_the_folder_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)
    assert SearchOptions().folder is None
    monkeypatch.setenv("FOLDWRIGHT_DATABASES", str(tmp_path))
    assert SearchOptions().folder == tmp_path
    other = tmp_path / "other"
    other.mkdir()
    assert SearchOptions(databases=other).folder == other


def test_results_are_kept_in_the_cache_of_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path))
    assert SearchOptions().cache_folder == tmp_path / "search"
