"""MMseqs2 as ColabFold runs it, on databases of a few sequences."""

import shutil
import subprocess

import pytest

from foldwright.errors import InputError
from foldwright.search.found import Database, Query
from foldwright.search.parameters import Mmseqs
from foldwright.search.programs import installed, mmseqs
from foldwright.search.programs.mmseqs import InstalledMmseqs, MmseqsSearch, require_gpu

needs_mmseqs = pytest.mark.skipif(not shutil.which("mmseqs"), reason="mmseqs is not installed")


@pytest.fixture
def database(folder):
    path = folder / "second_db"
    command = ["mmseqs", "createdb", str(folder / "second.fasta"), str(path), "-v", "1"]
    subprocess.run(command, check=True, capture_output=True)
    return Database("second", path)


@needs_mmseqs
@pytest.mark.slow
def test_each_query_gets_its_own_relatives(database, family, other_family):
    """A plain database: hits are no clusters, so that nothing is expanded."""
    program = InstalledMmseqs()
    assert len(program.files(database)) >= 4
    queries = [Query(family[0]), Query("MKTAYIAKQRQISFVKSHFSRQLEERLG"), Query(other_family[0])]
    parameters = Mmseqs(sensitivity=1.0, iterations=1)
    first, none, second = (found.alignment for found in program.run(queries, [database], parameters, 5, 1))
    assert first.query == family[0]
    assert len(first) == 5
    assert all(description.startswith("Y") for description in first.descriptions[1:])
    assert none.sequences == ["MKTAYIAKQRQISFVKSHFSRQLEERLG"]
    assert second.query == other_family[0]
    assert len(second) == 5


@pytest.fixture
def commands(monkeypatch):
    """What would have been run."""
    seen = []
    monkeypatch.setattr(installed, "call", lambda program, *words, folder: seen.append([str(w) for w in words]))
    return seen


def test_clusters_are_expanded_realigned_and_filtered(commands, tmp_path):
    """Mirdita et al. 2022: where the database has members (_seq) and their alignments (_aln)."""
    for ending in ("", "_seq", "_aln"):
        (tmp_path / f"uniref30{ending}.dbtype").write_text("")
    search = MmseqsSearch(tmp_path, Mmseqs(), 2)
    (tmp_path / "scratch0" / "latest").mkdir(parents=True)
    (tmp_path / "scratch0" / "latest" / "profile_1.dbtype").write_text("")
    profile = search.against(tmp_path / "uniref30", "queries", 0)
    assert profile == "profile0"
    assert [words[0] for words in commands] == [
        "search", "mvdb", "lndb", "expandaln", "align", "filterresult", "result2msa", "unpackdb"
    ]  # fmt: skip
    called = {words[0]: words for words in commands}
    assert called["search"][called["search"].index("--num-iterations") + 1] == "3"
    assert called["expandaln"][called["expandaln"].index("--expand-filter-clusters") + 1] == "1"
    assert called["align"][1] == "profile0"
    assert called["align"][called["align"].index("-e") + 1] == "10.0"
    assert called["result2msa"][called["result2msa"].index("--diff") + 1] == "3000"
    assert "--gpu" not in called["search"]


def test_the_environmental_search_uses_the_profile_of_the_first(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(mmseqs, "_is_database", lambda path: "scratch" in str(path))
    search = MmseqsSearch(tmp_path, Mmseqs(gpu=True), 2)
    profile = search.against(tmp_path / "uniref30", "queries", 0)
    commands.clear()
    search.against(tmp_path / "envdb", profile, 1)
    assert commands[0][:3] == ["search", "profile0", str(tmp_path / "envdb")]
    assert commands[0][-6:-2] == ["--gpu", "1", "--threads", "2"]
    assert [words[0] for words in commands] == ["search", "filterresult", "result2msa", "unpackdb"]


def test_a_gpu_needs_a_newer_version():
    require_gpu("16-747c6")
    require_gpu("e5f3")  # built from a commit
    with pytest.raises(InputError, match="needs 16 or newer"):
        require_gpu("14-7e284+ds-1+b2")


def test_a_database_that_was_not_made_is_named(tmp_path):
    with pytest.raises(InputError, match="mmseqs createdb"):
        InstalledMmseqs().files(Database("uniref30", tmp_path / "uniref30"))
