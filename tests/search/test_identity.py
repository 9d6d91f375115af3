"""A database is known by its content."""

import os

from foldwright.search import identity
from foldwright.search.identity import identify


def test_content_decides_not_the_place(tmp_path):
    for name, text in {"a": ">x\nMKV\n", "b": ">x\nMKV\n", "c": ">x\nMKL\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "db.fasta").write_text(text)
    same, copy, other = (identify("db", [tmp_path / name / "db.fasta"], tmp_path / "memory") for name in "abc")
    assert same.digest == copy.digest != other.digest
    assert same.num_bytes == 7


def test_a_changed_file_is_another_database(tmp_path):
    file = tmp_path / "db.fasta"
    file.write_text(">x\nMKV\n")
    before = identify("db", [file], tmp_path / "memory")
    assert identify("db", [file], tmp_path / "memory") == before
    file.write_text(">x\nMKI\n")  # as long as before
    os.utime(file, (2e9, 2e9))
    after = identify("db", [file], tmp_path / "memory")
    assert after.digest != before.digest
    assert after.date == "2033-05-18"


def test_what_was_read_once_is_remembered(tmp_path, monkeypatch):
    file = tmp_path / "db.fasta"
    file.write_text(">x\nMKV\n")
    before = identify("db", [file], tmp_path / "memory")
    monkeypatch.setattr(identity, "_digest", lambda *_: "read again")
    assert identify("db", [file], tmp_path / "memory") == before


def test_large_files_are_known_by_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "_READ_WHOLE", 1000)
    monkeypatch.setattr(identity, "_SAMPLE", 10)
    file = tmp_path / "db.fasta"
    file.write_bytes(b"A" * 5000)
    os.utime(file, (1e9, 1e9))
    before = identify("db", [file], tmp_path / "one")
    file.write_bytes(b"A" * 4995 + b"C" * 5)
    os.utime(file, (1e9, 1e9))
    assert identify("db", [file], tmp_path / "two").digest != before.digest
