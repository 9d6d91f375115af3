"""What people ask for, in the files they have; no bad record takes a good one with it."""

import gzip

import pytest

from foldwright.errors import InputError
from foldwright.io.job import chain_id, safe_name
from foldwright.io.jobs import read_jobs, sequence_job


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        return tmp_path

    return write


def test_fasta_with_complexes_and_csv_ask_for_the_same(write):
    folder = write(
        a_dot_fasta=">one here\nACD\nEF\n>two\nACD:\nEFG:ACD\n", b_dot_csv='id,sequence\none,ACDEF\n"two",ACD:EFG:ACD\n'
    )
    for name in ("a.fasta", "b.csv"):
        jobs = read_jobs(folder / name)
        assert [(job.name, job.sequences) for job in jobs] == [("one", ("ACDEF",)), ("two", ("ACD", "EFG", "ACD"))]
        assert [job.line for job in jobs] == ([1, 4] if name == "a.fasta" else [2, 3])
        assert not jobs.failures
        assert jobs[1].chain_ids == ("A", "B", "C")
        assert jobs[1].num_residues == 9


def test_bad_records_leave_the_good_ones(write):
    folder = write(x_dot_fasta=">a\nACD\n>b\nAC1\n>c\n\n>d\nacd\n>A\nEFG\n>e\nAC::D\n>\nACD\n>f\nEFG\n")
    jobs = read_jobs(folder / "x.fasta")
    assert [job.name for job in jobs] == ["a", "f"]
    assert [(f.name, f.error.line) for f in jobs.failures] == [
        ("b", 4),
        ("c", 5),
        ("d", 8),
        ("e", 11),
        ("line_13", 13),
        ("A", 9),
    ]
    assert "already used on line 1" in str(jobs.failures[-1].error)
    assert "empty chain" in str(jobs.failures[3].error)


def test_bad_rows_of_a_table_leave_the_good_ones(write):
    folder = write(x_dot_csv="id;sequence;note\na;ACD;first\nb;AZD;\n;ACD;\n\nc\nd;EF G;last\na;ACD;\n")
    jobs = read_jobs(folder / "x.csv")
    assert [(job.name, job.sequences) for job in jobs] == [("a", ("ACD",)), ("d", ("EFG",))]
    assert [f.error.line for f in jobs.failures] == [3, 4, 6, 8]
    assert 'line 8: the name "a" is already used on line 2.' in str(jobs.failures[-1].error)


@pytest.mark.parametrize(("header", "field"), [("name,sequence", "id"), ("id,seq", "sequence")])
def test_a_table_without_its_columns(write, header, field):
    folder = write(x_dot_csv=f"{header}\na,ACD\n")
    with pytest.raises(InputError, match=f"line 1, field {field}: no column {field}"):
        read_jobs(folder / "x.csv")


def test_the_only_record_may_be_named_by_its_file(write):
    assert read_jobs(write(kinase_dot_fa=">\nACD\n") / "kinase.fa")[0].name == "kinase"


def test_an_a3m_is_one_job_named_by_its_file(write):
    folder = write(x_dot_a3m=">101\nACDE\n>hit\nA-gDE\n")
    (folder / "y.a3m.gz").write_bytes(gzip.compress((folder / "x.a3m").read_bytes()))
    for name in ("x.a3m", "y.a3m.gz"):
        (job,) = read_jobs(folder / name)
        assert job.name == name[0]
        assert job.sequences == ("ACDE",)
        assert job.chains[0].alignment.deletions.tolist() == [[0] * 4, [0, 0, 1, 0]]
        assert job.chains[0].paired is None


COMPLEX = """#3,2\t1,2
>101\t102
ACDEF
>p1\tp2
ACgD-F
>p3\tp4
--DE-
>101
ACD--
>u1
A-kD--
>102
---EF
>u2
---tE-
"""


def test_a_complex_of_colabfold_is_split_into_chains(write):
    (job,) = read_jobs(write(x_dot_a3m=COMPLEX) / "x.a3m")
    a, b, c = job.chains
    assert job.sequences == ("ACD", "EF", "EF")
    assert a.alignment.sequences == ["ACD", "A-D"]
    assert a.alignment.deletions.tolist() == [[0, 0, 0], [0, 0, 1]]
    assert b.alignment.sequences == ["EF", "E-"]
    assert b.alignment.deletions.tolist() == [[0, 0], [1, 0]]
    assert a.paired.sequences == ["ACD", "ACD", "--D"]
    assert b.paired.sequences == ["EF", "-F", "E-"]
    assert a.paired.deletions.tolist()[1] == [0, 0, 1]
    assert c is b


def test_a_complex_without_pairs_and_a_homomer(write):
    folder = write(x_dot_a3m="#3,2\t1,1\n>101\t102\nACDEF\n>u\nA----\n", h_dot_a3m="#3\t2\n>101\nACD\n>u\nA-D\n")
    a, b = read_jobs(folder / "x.a3m")[0].chains
    assert a.paired is b.paired is None
    assert (a.alignment.sequences, b.alignment.sequences) == (["ACD", "A--"], ["EF"])
    c, d = read_jobs(folder / "h.a3m")[0].chains
    assert c.alignment.sequences == d.alignment.sequences == ["ACD", "A-D"]


@pytest.mark.parametrize("header", ["#3,3\t1,1", "#3,2\t1", "#3,2\t0,1", "#5,0\t1,1"])
def test_a_header_that_does_not_fit(write, header):
    folder = write(x_dot_a3m=f"{header}\n>101\nACDEF\n")
    with pytest.raises(InputError, match=r"x.a3m, line 1: .*the length of each distinct sequence"):
        read_jobs(folder / "x.a3m")


def test_alignments_beside_a_fasta_are_used(write):
    folder = write(
        x_dot_fasta=">one\nACD\n>two\nACD:EFG:ACD\n>three\nEFG\n",
        one_dot_a3m=">q\nACD\n>h\nA-D\n",
        two_A_dot_a3m=">q\nACD\n>h\n--D\n",
        two_B_dot_a3m=">q\nEFG\n>h\n--G\n",
    )
    for path in (folder / "x.fasta", folder):
        one, two, three = read_jobs(path)
        assert one.chains[0].alignment.sequences[1] == "A-D"
        assert [chain.alignment.sequences[1] for chain in two.chains] == ["--D", "--G", "--D"]
        assert three.chains[0].alignment is None


def test_equal_chains_may_have_an_alignment_each(write):
    folder = write(
        x_dot_fasta=">two\nACD:EFG:ACD\n", two_A_dot_a3m=">q\nACD\n>h\n--D\n", two_C_dot_a3m=">q\nACD\n>h\nA--\n"
    )
    a, b, c = read_jobs(folder / "x.fasta")[0].chains
    assert (a.alignment.sequences[1], b.alignment, c.alignment.sequences[1]) == ("--D", None, "A--")


def test_the_only_record_finds_the_alignment_named_as_its_file(write):
    folder = write(kinase_dot_fasta=">sp|P1|X\nACD\n", kinase_dot_a3m=">q\nACD\n>h\nA-D\n")
    (job,) = read_jobs(folder / "kinase.fasta")
    assert (job.name, len(job.chains[0].alignment)) == ("sp_P1_X", 2)


def test_an_alignment_of_another_sequence_fails_its_job_only(write):
    folder = write(x_dot_fasta=">one\nACD\n>two\nEFG\n", one_dot_a3m="\n>other\nACE\n")
    jobs = read_jobs(folder / "x.fasta")
    assert [job.name for job in jobs] == ["two"]
    assert 'one.a3m, line 3: the first row "other" is not the query: residue 3 is E' in str(jobs.failures[0].error)


def test_alignments_from_another_folder(write):
    folder = write(
        x_dot_fasta=">one\nACD\n>two\nEFG\n",
        msas__one__uniref90_dot_sto="# STOCKHOLM 1.0\nq AC-D\nh A-KD\n//\n",
        msas__one__bfd_dot_a3m=">q\nACD\n>h\n-CD\n",
        msas__two_dot_a3m=">q\nEFG\n",
    )
    one, two = read_jobs(folder / "x.fasta", folder / "msas")
    assert one.chains[0].alignment.sequences == ["ACD", "-CD", "ACD", "A-D"]
    assert one.chains[0].alignment.deletions[3].tolist() == [0, 0, 1]
    assert len(two.chains[0].alignment) == 1
    with pytest.raises(InputError, match=r'no file in this folder.*"one.a3m"'):
        read_jobs(folder / "x.fasta", folder)


def test_one_alignment_file_serves_one_job(write):
    folder = write(x_dot_fasta=">one\nACD:EF:EF\n", y_dot_fasta=">one\nACD\n>two\nEFG\n", m_dot_a3m=COMPLEX)
    (job,) = read_jobs(folder / "x.fasta", folder / "m.a3m")
    assert job.chains[0].paired is not None
    with pytest.raises(InputError, match="one alignment cannot serve several jobs"):
        read_jobs(folder / "y.fasta", folder / "m.a3m")


def test_a_complex_alignment_of_other_chains_is_refused(write):
    folder = write(x_dot_fasta=">one\nACD:EF\n", one_dot_a3m=COMPLEX)
    (failure,) = read_jobs(folder / "x.fasta").failures
    assert "of 3 chains that are not the 2 of the job" in str(failure.error)


def test_a_folder_reads_every_file_and_names_the_broken(write):
    folder = write(
        a_dot_fasta=">a\nACD\n", b_dot_csv="id,sequence\nb,ACD\n", c_dot_a3m=">c\nACD\n", d_dot_a3m="", notes_dot_md="x"
    )
    (folder / "e.fasta").write_bytes(b"\x89PNG\r\n\x1a\n")
    jobs = read_jobs(folder)
    assert sorted(job.name for job in jobs) == ["a", "b", "c"]
    assert sorted((f.name, f.error.message) for f in jobs.failures) == [
        ("d", "the file is empty."),
        ("e", "this is a binary file, not text."),
    ]


def test_the_alignment_of_a_broken_record_is_no_job(write):
    jobs = read_jobs(write(a_dot_fasta=">a\nAC1\n", a_dot_a3m=">q\nACD\n", b_dot_a3m=">q\nACD\n"))
    assert ([job.name for job in jobs], [failure.name for failure in jobs.failures]) == (["b"], ["a"])


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("x_dot_a3m", "#a\n>q\nAC\nDU\n>h\nAC-B\n", 4),
        ("x_dot_a3m", "#2,2\t1,1\n>q\nACDZ\n", 3),
        ("x_dot_sto", "# STOCKHOLM 1.0\nq AB\n//\n", 1),
    ],
)
def test_the_query_of_an_alignment_must_be_amino_acids(write, name, text, line):
    with pytest.raises(InputError, match="none of the 20 amino acids") as caught:
        read_jobs(write(**{name: text}) / name.replace("_dot_", "."))
    assert caught.value.line == line


def test_an_empty_folder_an_unknown_kind_and_a_missing_path(write):
    folder = write(x_dot_json="{}\n")
    for path, message in [
        (folder, "holds no input"),
        (folder / "x.json", '".json" is no kind'),
        (folder / "z", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=message):
            read_jobs(path)


def test_names_are_safe_and_chains_are_lettered():
    assert safe_name("sp|P1/../x y") == "sp_P1_.._x_y"
    assert safe_name("../..") == ""
    assert len(safe_name("a" * 500)) == 120
    assert [chain_id(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_a_job_from_letters():
    assert sequence_job("ACD\n:EF").sequences == ("ACD", "EF")
    with pytest.raises(InputError, match="lower case"):
        sequence_job("acd")
