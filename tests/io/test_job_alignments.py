"""Files that belong to a chain beside its alignment: rows to pair by species, and rows that are paired."""

import gzip

import pytest

from foldwright.errors import InputError
from foldwright.io.job_alignments import role_of
from foldwright.io.jobs import collect, read_jobs, sequence_job

A3M = ">query\nMKVL\n>{}\nM-VL\n"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "jobs.fasta").write_text(">pair\nMKVL:MKTAY:MKVL\n")
    (tmp_path / "found" / "pair").mkdir(parents=True)
    return tmp_path


def test_each_file_fills_the_field_it_is_named_for(place):
    inside = place / "found" / "pair"
    (inside / "A.a3m").write_text(A3M.format("own"))
    (inside / "A.candidates.a3m").write_text(A3M.format("candidate"))
    (inside / "A.paired.a3m.gz").write_bytes(gzip.compress(A3M.format("paired").encode()))
    (inside / "B.candidates.a3m").write_text(">query\nMKTAY\n")
    (job,) = read_jobs(place / "jobs.fasta", place / "found")
    first, second, third = job.chains
    assert [rows.descriptions[1] for rows in (first.alignment, first.candidates, first.paired)] == [
        "own",
        "candidate",
        "paired",
    ]
    assert third.paired.sequences == first.paired.sequences  # a chain of the same sequence
    assert second.alignment is None
    assert second.candidates.sequences == ["MKTAY"]
    assert second.paired is None


def test_files_of_one_chain_may_lie_beside_the_job(place):
    (place / "pair_A.candidates.a3m").write_text(A3M.format("candidate"))
    (job,) = read_jobs(place / "jobs.fasta")
    assert job.chains[0].candidates.descriptions[1] == "candidate"
    assert job.chains[0].alignment is None


def test_candidates_are_no_job_of_their_own(place):
    (place / "other.candidates.a3m").write_text(A3M.format("candidate"))
    (place / "other.a3m").write_text(A3M.format("own"))
    assert [job.name for job in read_jobs(place)] == ["pair", "other"]


def test_candidates_of_another_sequence_fail_their_job(place):
    (place / "found" / "pair" / "A.candidates.a3m").write_text(">query\nMKVI\n")
    jobs = read_jobs(place / "jobs.fasta", place / "found")
    assert not jobs.jobs
    assert "residue 4 is I" in str(jobs.failures[0].error)


def test_roles_are_read_from_names(tmp_path):
    names = ["a.a3m", "a.candidates.a3m", "a.paired.sto.gz", "a.b.a3m"]
    assert [role_of(tmp_path / name) for name in names] == ["alignment", "candidates", "paired", "alignment"]


def test_inputs_of_every_kind_are_collected_each_name_once(place):
    jobs = collect(["MKVL:MKTAY", place / "jobs.fasta", sequence_job("MKV", "third"), "MKVL", place / "missing.fasta"])
    assert [job.name for job in jobs] == ["query", "pair", "third"]
    assert [failure.name for failure in jobs.failures] == ["missing", "query"]
    assert isinstance(jobs.failures[0].error, InputError)
