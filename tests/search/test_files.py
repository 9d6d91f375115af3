"""The files of a search."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.files import read_hits, write_chain
from foldwright.search.stage import ChainSearch

ROWS = Alignment(["MKV", "M-V"], np.array([[0, 0, 0], [0, 2, 1]], np.int32), ["query", "row OX=9606"])
HIT = TemplateHit(1, "1abc_A x", 2, None, "MK", "MR", [0, 1], [5, 6], None, 1e-5)


def test_what_was_found_can_be_read_again(tmp_path):
    write_chain(tmp_path, "B", ChainSearch(ROWS, ROWS.rows([0]), (HIT,)))
    again = read_a3m(tmp_path / "B.a3m")
    assert again.sequences == ROWS.sequences
    np.testing.assert_array_equal(again.deletions, ROWS.deletions)
    assert len(read_a3m(tmp_path / "B.candidates.a3m")) == 1
    assert read_hits(tmp_path / "B.hits.json") == (HIT,)


def test_files_of_an_earlier_search_do_not_stay(tmp_path):
    write_chain(tmp_path, "A", ChainSearch(ROWS, ROWS, (HIT,)))
    write_chain(tmp_path, "A", ChainSearch(ROWS))
    assert [file.name for file in tmp_path.iterdir()] == ["A.a3m"]


def test_a_file_of_hits_that_is_none_is_named(tmp_path):
    (tmp_path / "A.hits.json").write_text('[{"index": 1}]')
    with pytest.raises(InputError) as caught:
        read_hits(tmp_path / "A.hits.json")
    assert caught.value.file == tmp_path / "A.hits.json"
