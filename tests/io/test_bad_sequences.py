"""Every fault of a sequence or alignment file is named with its file, line and remedy."""

import gzip

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.a3m import read_a3m
from foldwright.io.fasta import read_fasta
from foldwright.io.stockholm import read_stockholm


def refusal(read, path, content, **arguments):
    """The error of a file with this content; its text must name file and remedy."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read(path, **arguments)
    error = caught.value
    assert str(path) in str(error)
    assert error.remedy
    assert str(error).endswith(error.remedy)
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize("read", [read_fasta, read_a3m, read_stockholm])
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", None, "empty"),
        (b"\r\n \n", None, "empty"),
        (b"\0\0", None, "empty"),
        (b"\x93NUMPY\x01\0v\0", 1, "binary"),
        (b">a\nAC\0D\n", 2, "binary"),
        (b">a\nACD\n>b \xe9t\xe9\nACD\n", 3, "0xe9 is not UTF-8"),
        (gzip.compress(b">a\nACD\n" * 99, mtime=0)[:-20], None, "gzip file is damaged"),
        (gzip.compress(b"", mtime=0), None, "empty"),
    ],
)
def test_files_that_are_no_text(tmp_path, read, content, line, message):
    error = refusal(read, tmp_path / "x", content)
    assert error.line == line
    assert message in error.message


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.fasta", tmp_path):
        with pytest.raises(InputError, match=r"cannot be read: .*Check the path"):
            read_fasta(path)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("ACDEF\n", 1, "before the first header"),
        ("\n\nACD\n>a\nACD\n", 3, "before the first header"),
        ("# only a comment\n", None, "no record"),
        (">a\nACD\n>b\n\n>c\nACD\n", 3, '"b" has no residues'),
        (">a\nACD\n>b", 3, '"b" has no residues'),
        (">a\nACDE\nACDE\nAC1E\n", 4, '"a" holds "1"'),
        (">a\nACDE\n\nAC E\nA-DE\n", 5, '"a" holds "-"'),
        (">a\nACDE*\n", 2, '"a" holds "*"'),
        (">a\r\nACDE\r\nACUE\r\n", 3, '"a" holds "U"'),
        (">a\rACDE\rACBE\r", 3, '"a" holds "B"'),
        (">a\nACDÉ\n", 2, '"a" holds "É"'),
        (">a\nACDE\n>b\nacde\n", 4, '"b" is in lower case'),
        (">a\nAC:DE\n", 2, '"a" holds ":"'),
    ],
)
def test_fasta_faults(tmp_path, content, line, message):
    error = refusal(read_fasta, tmp_path / "x.fasta", content)
    assert error.line == line
    assert message in error.message


def test_fasta_is_read_wrapped_packed_and_with_any_line_ends(tmp_path):
    text = "; a comment\n>a first of two\nACDE\nFG H\n\n>b\nX\n"
    for name, content in [
        ("unix", text.encode()),
        ("windows", text.replace("\n", "\r\n").encode()),
        ("mac", text.replace("\n", "\r").encode()),
        ("bom", b"\xef\xbb\xbf" + text[12:].encode()),
        ("packed.gz", gzip.compress(text.encode())),
        ("nul", text.encode() + b"\0"),
    ]:
        (tmp_path / name).write_bytes(content)
        records = read_fasta(tmp_path / name)
        assert [(r.name, r.sequence) for r in records] == [("a", "ACDEFGH"), ("b", "X")]
        assert [r.line for r in records] == ([1, 5] if name == "bom" else [2, 6])
        assert records[0].description == "a first of two"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("ACD\nAC-\n", 1, "before the first header"),
        (">q\nACDEF\n>a\nAC-\n-F\n>b\nACcDE\n", 7, 'row "b" has 4 aligned columns, the query has 5'),
        (">q\nACD\n>a\n>b\nACD\n", 3, 'row "a" is empty'),
        (">q\n\n>a\nACD\n", 1, 'row "q" is empty'),
        (">q\nACDE\n>a\nAC\nD9\n", 5, 'row "a" holds "9"'),
        (">q\nACDE\n>a\nACDÜ\n", 4, 'row "a" holds "Ü"'),
        (">q\nACdDE\n>a\nACDE\n", 2, "has lower-case letters"),
        (">q\nAC\n-E\n>a\nACDE\n", 3, "has gaps"),
    ],
)
def test_a3m_faults(tmp_path, content, line, message):
    error = refusal(read_a3m, tmp_path / "x.a3m", content)
    assert error.line == line
    assert message in error.message


def test_a_fault_deep_in_a_large_a3m_is_found(tmp_path):
    lines = [line for i in range(9000) for line in (f">r{i}", "ACDEaF" if i else "ACDEF")]
    for row, text, message in [(5000, "ACDEFF", '"r5000" has 6'), (8999, "AC?EF", '"r8999" holds "?"')]:
        broken = [*lines]
        broken[2 * row + 1] = text
        error = refusal(read_a3m, tmp_path / "x.a3m", "\n".join(broken))
        assert error.line == 2 * row + 2
        assert message in error.message


@pytest.mark.parametrize(
    ("query", "message"),
    [("ACDEF", "it has 4 residues, the query has 5"), ("ACEE", "residue 3 is D, the query has E")],
)
def test_an_alignment_of_another_sequence(tmp_path, query, message):
    error = refusal(read_a3m, tmp_path / "x.a3m", ">q\nACDE\n>a\nA--E\n", query=query)
    assert error.line == 2
    assert message in error.message
    stockholm = "# STOCKHOLM 1.0\nq AC-DE\na ACC--\n//\n"
    assert message in refusal(read_stockholm, tmp_path / "x.sto", stockholm, query=query).message


def test_a3m_is_read_wrapped_packed_and_with_the_separators_of_mmseqs(tmp_path):
    text = ">101\nACD\nEF\n>UniRef100_A\t119\t1.00\nAC-g\nhEF\n"
    for name, content in [
        ("unix", text.encode()),
        ("windows", text.replace("\n", "\r\n").encode()),
        ("packed", gzip.compress(text.encode())),
        ("mmseqs", b"#ACDEF\n" + text.encode() + b"\0>101\nACDEF\n\0"),
        ("a2m", text.replace("AC-", "A.C-").encode()),
    ]:
        (tmp_path / name).write_bytes(content)
        alignment = read_a3m(tmp_path / name, query="ACDEF")
        assert alignment.sequences == ["ACDEF", "AC-EF"] + ["ACDEF"] * (name == "mmseqs")
        assert alignment.deletions[1].tolist() == [0, 0, 0, 2, 0]
        assert alignment.descriptions[1] == "UniRef100_A\t119\t1.00"
        assert alignment.deletions.dtype == np.int32


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (">q\nACD\n", 1, "no Stockholm file"),
        ("# STOCKHOLM 1.0\nq ACD\n", 2, "cut short"),
        ("# STOCKHOLM 1.0\n\n//\n", None, "no rows"),
        ("# STOCKHOLM 1.0\nq ACD\na AC\nb ACD\n//\n", 3, '"a" has 2 columns, the first row has 3'),
        ("# STOCKHOLM 1.0\nq ACD\na ACD\na ACD\n//\n", 4, '"a" has 6 columns'),
        ("# STOCKHOLM 1.0\nq ACD\na A2D\n//\n", 3, '"a" holds "2"'),
        ("# STOCKHOLM 1.0\nq ACD\na A D\n//\n", 3, "a name and letters"),
    ],
)
def test_stockholm_faults(tmp_path, content, line, message):
    error = refusal(read_stockholm, tmp_path / "x.sto", content)
    assert error.line == line
    assert message in error.message
