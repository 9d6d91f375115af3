"""One's own databases, and what a folder of databases is good for."""

import gzip
import json
import shutil

import pytest

from foldwright.errors import InputError
from foldwright.search.databases import find
from foldwright.search.databases.build import build
from foldwright.search.databases.check import survey
from foldwright.search.databases.places import HHSUITE_PARTS


@pytest.fixture
def sources(tmp_path, fasta):
    (tmp_path / "one.fa").write_bytes(b"\n>a first\nMKV\nLI *\n\n>b\r\nGAVN\r\n")
    (tmp_path / "two.fasta.gz").write_bytes(gzip.compress(fasta(0, 5)))
    return [tmp_path / "one.fa", tmp_path / "two.fasta.gz"]


def test_files_are_joined_cleaned_and_counted(sources, tmp_path, fasta):
    built = build(sources, tmp_path / "db", "mine", with_mmseqs=False)
    assert built.fasta.read_bytes() == b">a first\nMKV\nLI\n>b\nGAVN\n" + fasta(0, 5)
    assert (built.sequences, built.residues, built.mmseqs) == (7, 5 + 4 + 20, None)
    assert find(tmp_path / "db", "mine") == built.fasta
    note = json.loads((tmp_path / "db" / "receipts" / "mine.json").read_text())
    assert (note["sequences"], note["residues"]) == (7, 29)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("MKV\n", r"bad\.fa, line 1: text stands before"),
        (">a\nMKV\n>b\n>c\nMK\n", r"line 3: this record has no residues"),
        (">a\nMKV\n>b\n", r"line 3: this record has no residues"),
        (">a\nMK-V\n", r"line 2: this is no line of residues.*gaps"),
        ("\n", "holds no record"),
    ],
)
def test_what_is_no_fasta_is_named_and_leaves_nothing(sources, tmp_path, text, match):
    (tmp_path / "bad.fa").write_text(text)
    with pytest.raises(InputError, match=match):
        build([*sources, tmp_path / "bad.fa"], tmp_path / "db", "mine", with_mmseqs=False)
    assert not list((tmp_path / "db").glob("*"))


def test_names_and_files_are_looked_at_first(sources, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be the name"):
        build(sources, tmp_path, "../mine")
    with pytest.raises(InputError, match=r"gone\.fa: there is no such file"):
        build([tmp_path / "gone.fa"], tmp_path, "mine")
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(InputError, match="apt install mmseqs2"):
        build(sources, tmp_path, "mine", with_mmseqs=True)
    assert build(sources, tmp_path, "mine").mmseqs is None
    with pytest.raises(InputError, match="this database exists"):
        build(sources, tmp_path, "mine")


def test_mmseqs_gets_a_database_of_its_own(sources, tmp_path):
    if shutil.which("mmseqs") is None:
        pytest.skip("mmseqs is not installed")
    built = build(sources, tmp_path / "db", "uniref30_mmseqs")
    assert find(tmp_path / "db", "uniref30_mmseqs") == built.mmseqs
    assert not list((tmp_path / "db").glob(".mmseqs-*"))
    assert survey(tmp_path / "db").findings["uniref30_mmseqs"].is_usable


def test_a_survey_says_what_is_here_and_what_presets_lack(sources, tmp_path):
    folder = tmp_path / "db"
    for name in ("uniref90", "mgnify", "small_bfd", "uniprot", "mine"):
        build(sources, folder, name, with_mmseqs=False)
    found = survey(folder)
    assert found.missing["af2_reduced"] == ["pdb70"]
    assert found.missing["af3"] == ["pdb_seqres"]
    assert set(found.missing["af2_full"]) == {"bfd", "uniref30", "pdb70"}
    assert found.findings["uniref90"].num_bytes == (folder / "uniref90.fasta").stat().st_size
    assert found.findings["mine"].is_usable
    for ending in HHSUITE_PARTS:
        (folder / f"pdb70{ending}").write_text("x")
    assert survey(folder).missing["af2_reduced"] == []


def test_a_survey_finds_damage(sources, tmp_path):
    folder = tmp_path / "db"
    fasta = build(sources, folder, "uniref90", with_mmseqs=False).fasta
    whole = fasta.read_bytes()
    assert survey(folder, hashes=True).findings["uniref90"].troubles == []
    fasta.write_bytes(whole.replace(b"GAVN", b"GAVC"))
    assert survey(folder).findings["uniref90"].is_usable  # the same size
    assert "hash" in survey(folder, hashes=True).findings["uniref90"].troubles[0]
    fasta.write_bytes(whole[:-1])
    assert "bytes and should have" in survey(folder).findings["uniref90"].troubles[0]
    fasta.unlink()
    assert survey(folder).findings["uniref90"].troubles == ["uniref90.fasta is missing"]
    (folder / "rfam.fasta").write_text("<html>")
    (folder / "pdb70_cs219.ffdata").write_text("x")
    (folder / ".downloads" / "bfd").mkdir(parents=True)
    found = survey(folder)
    assert found.findings["rfam"].troubles == ["rfam.fasta does not begin like FASTA"]
    assert "pdb70_a3m.ffdata" in found.findings["pdb70"].troubles[0]
    assert found.unfinished == ["bfd"]
    with pytest.raises(InputError, match="no such folder"):
        survey(folder / "gone")
