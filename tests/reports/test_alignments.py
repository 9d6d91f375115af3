"""Depth of an alignment: counted by column and by identity, found where predict keeps it."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m
from foldwright.reports.alignments import depth_of, read_depths
from foldwright.reports.results import Chain

A3M = ">query\nACDEF\n>half\nACG--\n>far\n--GGG\n>same\nACDEF\n"


def test_rows_are_counted_by_column_and_identity():
    depth = depth_of(parse_a3m(A3M.splitlines()), "A", "unpaired")
    # Identities over the columns that a row covers: 1, 2/3, 0, 1.
    assert depth.rows == 4
    assert depth.class_rows == [1, 0, 1, 0, 2]
    assert depth.total.tolist() == [3, 3, 4, 3, 3]
    np.testing.assert_array_equal(depth.covering[2], [1, 1, 1, 0, 0])


def test_kept_alignments_are_found_for_each_chain(tmp_path):
    (tmp_path / "msas").mkdir()
    (tmp_path / "msas" / "A.a3m").write_text(A3M, "utf-8")
    (tmp_path / "msas" / "B.a3m").write_text(">b\nWWW\n", "utf-8")
    (tmp_path / "msas" / "B.paired.a3m").write_text(">b\nWWW\n>x\nWW-\n", "utf-8")
    chains = [Chain(name="A", sequence="ACDEF", start=0), Chain(name="B", sequence="WWW", start=5)]
    found = [(depth.chain, depth.kind, depth.rows) for depth in read_depths(tmp_path, chains)]
    assert found == [("A", "unpaired", 4), ("B", "unpaired", 1), ("B", "paired", 2)]


def test_an_alignment_of_another_sequence_is_refused(tmp_path):
    (tmp_path / "msas").mkdir()
    (tmp_path / "msas" / "A.a3m").write_text(A3M, "utf-8")
    with pytest.raises(InputError, match=r"A\.a3m"):
        read_depths(tmp_path, [Chain(name="A", sequence="ACDEW", start=0)])
