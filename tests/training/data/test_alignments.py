"""Alignments are found by name or by sequence, and cut to the chain they are for."""

import gzip

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.training.data.alignments import Library, fit, matching_columns

CHAIN = "MKVLAARDEWYTSGHIKPQN"
RELATIVE = "MKVLSARDEWYT-GHIKPQN"


def library(*paths) -> Library:
    found = Library(paths)
    found.look()
    return found


def a3m(*rows: str) -> str:
    return "".join(f">row{i}\n{row}\n" for i, row in enumerate(rows))


def test_an_alignment_is_found_by_the_name_of_the_chain(tmp_path):
    (tmp_path / "1abc_A__found.a3m").write_text(a3m("MA" + CHAIN, "MA" + RELATIVE))
    rows = library(tmp_path).of("1abc_A", CHAIN)
    assert rows.sequences == [CHAIN, RELATIVE]
    assert library(tmp_path).of("1abc_B", CHAIN) is None


def test_an_alignment_is_found_by_its_query(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "anything.a3m.gz").write_bytes(gzip.compress(a3m(CHAIN, RELATIVE).encode()))
    assert library(tmp_path).of("9xyz_C", CHAIN).sequences == [CHAIN, RELATIVE]
    assert library(tmp_path).of("9xyz_C", CHAIN[:-1]) is None


def test_one_file_may_hold_many(tmp_path):
    pool = "#one_A\t2\n" + a3m(CHAIN, RELATIVE) + "\n#two_A\t2\n" + a3m(CHAIN[::-1], "K" + CHAIN[::-1][1:])
    (tmp_path / "pool.a3m").write_text(pool)
    found = library(tmp_path)
    assert found.of("one_A", CHAIN).sequences == [CHAIN, RELATIVE]
    assert found.of("two_A", CHAIN[::-1]).sequences == [CHAIN[::-1], "K" + CHAIN[::-1][1:]]


def test_all_that_is_known_of_a_chain_is_put_together_once(tmp_path):
    (tmp_path / "1abc_A.a3m").write_text(a3m(CHAIN, RELATIVE))
    (tmp_path / "other.a3m").write_text(a3m(CHAIN, RELATIVE, CHAIN[:-3] + "---"))
    assert library(tmp_path).of("1abc_A", CHAIN).sequences == [CHAIN, RELATIVE, CHAIN[:-3] + "---"]


def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path):
    (tmp_path / "bad.a3m").write_bytes(b"\x1f\x8b damaged")
    (tmp_path / "1abc_A.a3m").write_text(a3m(CHAIN, RELATIVE))
    (tmp_path / "ragged_A.a3m").write_text(a3m(CHAIN, RELATIVE + "AAA"))
    found = library(tmp_path)
    assert found.of("1abc_A", CHAIN).sequences == [CHAIN, RELATIVE]
    assert set(found.unreadable) == {str(tmp_path / "bad.a3m"), str(tmp_path / "ragged_A.a3m")}


def test_a_folder_without_alignments_is_refused(tmp_path):
    with pytest.raises(InputError, match="no alignment is here"):
        Library([tmp_path])


def test_a_chain_within_a_longer_query_has_its_columns():
    deletions = np.arange(2 * 24, dtype=np.int32).reshape(2, 24)
    whole = Alignment(["AAAA" + CHAIN, "----" + RELATIVE], deletions, ["a", "b"])
    fitted = fit(whole, CHAIN)
    assert fitted.sequences == [CHAIN, RELATIVE]
    np.testing.assert_array_equal(fitted.deletions, deletions[:, 4:])


def test_residues_missing_from_either_side_become_gaps_and_deletions():
    """The query lacks W (chain position 9) and has two residues more, after position 14."""
    query = "MKVLAARDE" + "YTSGH" + "CC" + "IKPQN"
    row = "MKVLSARDE" + "YTSGH" + "C-" + "IKPQN"
    rows = Alignment([query, row], np.zeros((2, len(query)), np.int32), ["query", "row"])
    fitted = fit(rows, CHAIN)
    assert fitted.sequences == [CHAIN, "MKVLSARDE-YTSGHIKPQN"]
    assert fitted.deletions[1].tolist() == [0] * 15 + [1] + [0] * 4
    assert not fitted.deletions[0].any()


def test_an_alignment_of_another_protein_is_not_used():
    assert matching_columns("GGSGGSAAPLLCWWHHFTDE", CHAIN) is None
    assert fit(Alignment.of_query("GGSGGSAAPLLCWWHHFTDE"), CHAIN) is None
