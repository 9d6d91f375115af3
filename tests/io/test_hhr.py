"""Template hits against what AlphaFold 2's parser returns (../shared/oracles/af2/data; commands in its README)."""

import json

import pytest

from foldwright.errors import InputError
from foldwright.io.hhr import TemplateHit, parse_hhr, read_hhr

ONE_HIT = """Query         query
Match_columns 6

No 1
>1ABC_B a protein; 1.9A {Homo sapiens}
Probab=97.51  E-value=3.8e-02  Score=16.19  Aligned_cols=4  Identities=23%  Similarity=0.398  Sum_probs=3.1

Q query             2 AC-E    4 (6)
Q Consensus         2 ac~e    4 (6)
                      .++|
T Consensus        10 acde   13 (41)
T 1ABC_B           10 ACDE   13 (41)
T ss_dssp             HHHH
Confidence            3456

Q query             5 FG    6 (6)
T 1ABC_B           14 -G   14 (41)
""".splitlines()


@pytest.mark.parametrize(
    ("source", "expected"),
    [("hhr__pdb70_hits.hhr", "parse_hhr.json"), ("big_hhr__hhsearch_output.hhr", "parse_big_hhr.json")],
)
def test_hits_equal_deepmind(oracle_file, source, expected):
    theirs = json.loads(oracle_file(f"data/{expected}").read_text())
    ours = read_hhr(oracle_file(f"data/inputs/{source}"))
    assert len(ours) == len(theirs)
    for hit, record in zip(ours, theirs, strict=True):
        assert {key: getattr(hit, key) for key in record} == record


def test_blocks_of_a_hit_are_joined_and_gaps_have_no_place():
    (hit,) = parse_hhr(ONE_HIT)
    assert (hit.query, hit.hit_sequence) == ("AC-EFG", "ACDE-G")
    assert hit.indices_query == [1, 2, -1, 3, 4, 5]
    assert hit.indices_hit == [9, 10, 11, 12, -1, 13]
    assert (hit.pdb_id, hit.chain_id) == ("1abc", "B")
    assert (hit.probability, hit.e_value, hit.sum_probs, hit.aligned_cols) == (97.51, 0.038, 3.1, 4)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("1ABC_Bj mol:protein length:3", ("1abc", "Bj")),
        ("pdb_00001abc_A", ("pdb_00001abc", "A")),
        ("model", ("model", "")),
    ],
)
def test_a_name_is_an_entry_and_a_chain(name, parts):
    hit = TemplateHit.of_name(name, 1)
    assert (hit.pdb_id, hit.chain_id) == parts


def test_a_report_without_hits_is_empty():
    assert parse_hhr(ONE_HIT[:3]) == []


def test_a_cut_hit_names_its_line():
    with pytest.raises(InputError, match=r"x.hhr, line 4: hit 1 has 6 letters of the query and 4 of the hit"):
        parse_hhr(ONE_HIT[:-1], "x.hhr")


def test_scores_that_are_not_there_name_their_line():
    lines = [*ONE_HIT]
    lines[5] = "Probab=97.51 cut"
    with pytest.raises(InputError, match="line 6: the scores of hit 1"):
        parse_hhr(lines)


def test_another_format_is_refused():
    with pytest.raises(InputError, match="line 1: this is no HHR file"):
        parse_hhr([">query", "ACD"])
