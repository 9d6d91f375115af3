"""Depth of an alignment: counted by column and by identity, found where predict keeps it."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m
from foldwright.reports.alignments import depth_of, read_depths
from foldwright.reports.results import Chain

A3M = ">query\nACDEF\n>half\nACG--\n>far\n--GGG\n>same\nACDEF\n"


def chain_of(name, sequence):
    return Chain(name=name, sequence=sequence, start=0)


def test_rows_are_counted_by_column_and_identity():
    depth = depth_of(parse_a3m(A3M.splitlines()), "A", "unpaired")
    # Identities over the columns that a row covers: 1, 2/3, 0, 1.
    assert depth.rows == 4
    assert depth.class_rows == [1, 0, 1, 0, 2]
    assert depth.total.tolist() == [3, 3, 4, 3, 3]
    np.testing.assert_array_equal(depth.covering[2], [1, 1, 1, 0, 0])


def test_kept_alignments_are_found_where_they_hold_more_than_the_query(tmp_path):
    (tmp_path / "msas").mkdir()
    (tmp_path / "msas" / "A.a3m").write_text(A3M, "utf-8")
    (tmp_path / "msas" / "B.a3m").write_text(">b\nWWW\n", "utf-8")
    (tmp_path / "msas" / "B.paired.a3m").write_text(">b\nWWW\n>x\nWW-\n", "utf-8")
    chains = [chain_of("A", "ACDEF"), chain_of("B", "WWW"), chain_of("C", "ACDEF")]
    found = [(depth.chain, depth.kind, depth.rows) for depth in read_depths(tmp_path, chains)]
    assert found == [("A, C", "unpaired", 4), ("B", "paired", 2)]  # A and C share the file of A


def test_an_alignment_of_another_sequence_is_refused(tmp_path):
    (tmp_path / "msas").mkdir()
    (tmp_path / "msas" / "A.a3m").write_text(A3M, "utf-8")
    with pytest.raises(InputError, match=r"A\.a3m"):
        read_depths(tmp_path, [chain_of("A", "ACDEW")])
