"""Sequences of unknown structure: all that can be read, each once, and the reason for every other."""

import gzip

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.training.distillation.sequences import Refused, Unlabelled, UnlabelledFiles, Wanted

ANY = Wanted(min_length=3, max_length=20, min_depth=1)


def read(sources, wanted=ANY):
    found = list(UnlabelledFiles(sources, wanted))
    good = {one.name: one for one in found if isinstance(one, Unlabelled)}
    return good, {one.name: one.reason for one in found if isinstance(one, Refused)}


def test_a_folder_is_read_whole_and_bad_files_cost_only_themselves(tmp_path):
    (tmp_path / "b.fasta").write_text(">one\nACDEF\n>two\nAC1\n>three\nGHIKL\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "four.a3m.gz").write_bytes(gzip.compress(b">q\nMNPQR\n>r\nM-PQa-\n"))
    (tmp_path / "broken.a3m").write_text(">q\nMNPQR\n>r\nMN\n")
    (tmp_path / "notes.txt").write_text("nothing")
    good, refused = read([tmp_path])
    assert list(good) == ["one", "three", "four"]
    assert good["four"].alignment.sequences == ["MNPQR", "M-PQ-"]
    assert set(refused) == {"two", "broken.a3m"}
    assert "line 4" in refused["two"]


def test_a_sequence_in_the_alignment_of_an_earlier_one_is_left_out(tmp_path):
    (tmp_path / "a.a3m").write_text(">q\nACDEF\n>r\nGH-KL\n")
    (tmp_path / "b.fasta").write_text(">same\nACDEF\n>relative\nGHKL\n>other\nGHKLM\n")
    good, refused = read([tmp_path])
    assert list(good) == ["a", "other"]
    assert list(refused) == ["same", "relative"]


def test_names_are_unique(tmp_path):
    (tmp_path / "b.fasta").write_text(">x\nACDEF\n>x\nGHIKL\n")
    good, refused = read([tmp_path / "b.fasta"])
    assert good["x"].sequence == "ACDEF"
    assert "name" in refused["x"]


def test_lengths_and_depths_that_are_not_wanted_are_refused(tmp_path):
    (tmp_path / "deep.a3m").write_text(">q\nACDEF\n>r\nGHIKL\n")
    (tmp_path / "one.fasta").write_text(">short\nAC\n>long\nACDEFGHIKLMNPQRSTVWYA\n>shallow\nAAAAA\n")
    good, refused = read([tmp_path], Wanted(min_length=3, max_length=20, min_depth=2))
    assert list(good) == ["deep"]
    assert {name: reason[:6] for name, reason in refused.items()} == {
        "short": "2 resi",
        "long": "21 res",
        "shallow": "1 rows",
    }


def test_a_source_that_is_not_there_or_holds_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such"):
        UnlabelledFiles([tmp_path / "missing"], ANY)
    with pytest.raises(InputError, match="no sequences"):
        UnlabelledFiles([tmp_path], ANY)


def test_a_subsample_keeps_the_query_and_draws_rows_without_replacement():
    rows = ["".join(np.random.default_rng(i).choice(list("ACDEF"), 12)) for i in range(40)]
    one = Unlabelled("x", Alignment(rows, np.zeros((40, 12), np.int32), [str(i) for i in range(40)]))
    first, second = (one.subsampled(8, np.random.default_rng(seed)).alignment for seed in (0, 1))
    assert first.query == second.query == rows[0]
    assert len(first) == len(set(first.descriptions)) == 8
    assert first.descriptions != second.descriptions
    assert one.subsampled(40, np.random.default_rng(0)).alignment is one.alignment
    counts = np.zeros(40)
    for seed in range(100):
        counts[[int(text) for text in one.subsampled(8, np.random.default_rng(seed)).alignment.descriptions]] += 1
    assert counts[0] == 100
    assert abs(counts[1:] - 100 * 7 / 39).max() < 20  # five standard deviations
