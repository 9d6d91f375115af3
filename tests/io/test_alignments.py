"""Alignment files against what AlphaFold 2's parsers return (../shared/oracles/af2/data; commands in its README)."""

import numpy as np
import pytest

from foldwright.io.a3m import parse_a3m, read_a3m, write_a3m
from foldwright.io.stockholm import (
    parse_stockholm,
    read_stockholm,
    remove_duplicates,
    remove_empty_columns,
    truncate,
)
from foldwright.io.text import read_lines


@pytest.mark.parametrize(
    ("read", "source", "expected"),
    [
        (read_a3m, "bfd_a3m__bfd_uniclust_hits.a3m", "parse_a3m_bfd"),
        (read_stockholm, "uniref90_sto__uniref90_hits.sto", "parse_sto_uniref90"),
        (read_stockholm, "mgnify_sto__mgnify_hits.sto", "parse_sto_mgnify"),
    ],
)
def test_alignment_equals_deepmind(oracle, oracle_file, read, source, expected):
    theirs = oracle(f"data/{expected}.npz")
    ours = read(oracle_file(f"data/inputs/{source}"))
    assert ours.sequences == theirs["sequences"].tolist()
    assert ours.descriptions == theirs["descriptions"].tolist()
    np.testing.assert_array_equal(ours.deletions, theirs["deletion_matrix"])
    assert ours.deletions.max() > 0
    assert len(set(ours.sequences)) > 1


def test_stockholm_rewrites_equal_deepmind(oracle_file):
    lines = read_lines(oracle_file("data/inputs/uniref90_sto__uniref90_hits.sto"))
    deduplicated = remove_duplicates(lines)
    assert deduplicated == read_lines(oracle_file("data/uniref90_dedup_sto.txt"))
    assert len(deduplicated) < len(lines)
    narrowed = remove_empty_columns(deduplicated)
    assert narrowed == read_lines(oracle_file("data/uniref90_dedup_noempty_sto.txt"))
    assert truncate(lines, 10) == read_lines(oracle_file("data/uniref90_truncated10.sto"))
    assert parse_stockholm(narrowed).a3m() == oracle_file("data/uniref90_sto_to_a3m.a3m").read_text()


STOCKHOLM = """# STOCKHOLM 1.0
#=GS hit/1-4 DE a relative

query   AC-D
hit/1-4 .cKD
gone    -C--

query   --EF
hit/1-4 gh-F
gone    --EF
//
"""


def test_blocks_are_joined_and_insertions_counted():
    alignment = parse_stockholm(STOCKHOLM.splitlines()).alignment()
    assert alignment.sequences == ["ACDEF", "-CD-F", "-C-EF"]
    assert alignment.deletions.tolist() == [[0] * 5, [0, 0, 1, 2, 0], [0] * 5]


def test_stockholm_as_a3m_is_the_same_alignment():
    stockholm = parse_stockholm(STOCKHOLM.splitlines())
    text = stockholm.a3m()
    assert ">hit/1-4 a relative\n-CkDgh-F\n" in text
    back = parse_a3m(text.splitlines())
    assert back.sequences == stockholm.alignment().sequences
    np.testing.assert_array_equal(back.deletions, stockholm.alignment().deletions)


def test_columns_without_residues_go_and_their_annotation_with_them():
    aligned = ["# STOCKHOLM 1.0", "", "q       A-C.D", "row     A-C.-", "#=GC RF xyxzx", "//"]
    out = remove_empty_columns(aligned)
    assert out == ["# STOCKHOLM 1.0", "", "q       ACD", "row     AC-", "#=GC RF xxx", "//"]


def test_a3m_deletions_equal_a_count_letter_by_letter():
    rng = np.random.default_rng(0)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY-"))
    rows = [["".join(rng.choice(letters[:20], 30))]]
    for _ in range(50):
        inserted = [
            "".join(rng.choice(letters[:20], n)).lower() for n in rng.integers(0, 4, 31) * rng.integers(0, 2, 31)
        ]
        columns = rng.choice(letters, 30)
        rows.append([a + b for a, b in zip(inserted, [*columns, ""], strict=True)])
    lines = [line for i, row in enumerate(rows) for line in (f">row{i} of test", "".join(row))]
    alignment = parse_a3m(lines)
    for text, row, deletions in zip(lines[1::2], alignment.sequences, alignment.deletions, strict=True):
        count, expected = 0, []
        for letter in text:
            if letter.islower():
                count += 1
            else:
                expected.append(count)
                count = 0
        assert row == "".join(c for c in text if not c.islower())
        assert deletions.tolist() == expected
    assert 0 < (alignment.deletions > 0).mean() < 1
    assert parse_a3m(write_a3m(alignment).splitlines()).deletions.tolist() == alignment.deletions.tolist()


def test_blocks_of_rows_do_not_show(monkeypatch):
    lines = [line for i in range(11) for line in (f">{i}", ("aa" * (i > 0)) + "ACDE"[: 4 - i % 3].ljust(4, "-"))]
    lines[1] = "ACDE"
    whole = parse_a3m(lines)
    monkeypatch.setattr("foldwright.io.a3m._BLOCK", 3)
    parts = parse_a3m(lines)
    assert parts.sequences == whole.sequences
    np.testing.assert_array_equal(parts.deletions, whole.deletions)
    assert whole.deletions.any()


def test_unique_keeps_the_first_of_equal_rows():
    alignment = parse_a3m([">q", "ACD", ">a", "AC-", ">b", "gACD", ">c", "-CD", ">d", "AC-"]).unique()
    assert alignment.descriptions == ["q", "a", "c"]
    assert alignment.deletions.tolist() == [[0, 0, 0]] * 3


def test_columns_are_one_chain_of_a_complex():
    chain = parse_a3m([">q", "ACDEF", ">a", "ACgDE-"]).columns(2, 5)
    assert chain.sequences == ["DEF", "DE-"]
    assert chain.deletions.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_letters_are_the_rows_as_codes():
    alignment = parse_a3m([">q", "ACD", ">a", "A-D"])
    assert alignment.letters.tolist() == [list(b"ACD"), list(b"A-D")]
