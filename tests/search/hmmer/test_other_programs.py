"""phmmer, hmmsearch, hmmbuild, nhmmer and hmmalign in process: the programs' answers, in shards or not."""

import subprocess

import numpy as np
import pytest
from pyhmmer.easel import Alphabet

from foldwright.io.stockholm import read_stockholm
from foldwright.search.hmmer import (
    PhmmerOptions,
    SequenceShards,
    af2_jackhmmer,
    af3_nhmmer,
    hmmalign,
    hmmsearch,
    jackhmmer,
    nhmmer,
    phmmer,
    profiles,
    template_hmmsearch,
)

SHARDS = pytest.mark.parametrize("shard_bytes", [8_000, 1 << 25])


@pytest.fixture(scope="module")
def family(queries, database):
    return jackhmmer.run(queries[1:2], database, af2_jackhmmer())[0]


@pytest.fixture
def written_profile(installed, family, tmp_path):
    """What hmmbuild makes of the family's Stockholm file."""
    (tmp_path / "family.sto").write_text(family.stockholm_text())
    path = tmp_path / "family.hmm"
    options = ["--hand", "--amino", "-o", "/dev/null"]
    subprocess.run([installed("hmmbuild"), *options, path, tmp_path / "family.sto"], check=True)
    return path


@SHARDS
def test_phmmer_is_the_program(program, written, queries, database, shard_bytes):
    found = phmmer.run(queries, SequenceShards(database, shard_bytes), PhmmerOptions(), threads=2)
    assert written(found) == program("phmmer", [], queries, database)
    assert min(len(hits) for hits in found) > 5


@SHARDS
def test_hmmsearch_with_what_jackhmmer_found_is_hmmbuild_and_the_program(
    program, written, family, written_profile, database, shard_bytes
):
    found = hmmsearch.run([family], SequenceShards(database, shard_bytes), template_hmmsearch(), threads=2)
    given = ["--F1", 0.1, "--F2", 0.1, "--F3", 0.1, "-E", 100, "--domE", 100, "--incE", 100, "--incdomE", 100]
    assert written(found) == program("hmmsearch", given, written_profile, database)
    assert found[0].alignment().query == family.query.sequence
    assert len(found[0]) > 20


def test_an_alignment_without_its_insertions_finds_the_same(family, database):
    """Places and hits are the same; the profile differs in the sixth digit."""
    assert family.alignment().deletions.any()
    whole, counted = hmmsearch.run([family, family.alignment()], database, template_hmmsearch(e_value=1e-3))
    assert [row.name for row in counted.rows] == [row.name for row in whole.rows]
    np.testing.assert_allclose([r.score for r in counted.rows], [r.score for r in whole.rows], atol=1e-2)
    assert counted.alignment().sequences == whole.alignment().sequences


@SHARDS
@pytest.mark.parametrize("strand", ["watson", None])
def test_nhmmer_is_the_program_as_af3_runs_it(program, written, rna_queries, rna_database, shard_bytes, strand):
    for query in rna_queries:
        options = af3_nhmmer(len(query.sequence), strand=strand)
        found = nhmmer.run([query], SequenceShards(rna_database, shard_bytes, "rna"), options, threads=2)
        given = ["--rna", "-E", 1e-3, "--incE", 1e-3, "--F3", options.F3, *(["--watson"] if strand else [])]
        hits, _, alignment = program("nhmmer", given, [query], rna_database)
        ours = written(found)
        assert (ours[0], ours[2]) == (hits, alignment)
        assert len(found[0]) >= 5


def test_short_rna_passes_the_last_filter_easily():
    assert (af3_nhmmer(49).F3, af3_nhmmer(50).F3) == (0.02, 1e-5)


def test_hmmalign_is_the_program(installed, rna_queries, rna_database, tmp_path):
    query = rna_queries[1]
    found = nhmmer.run([query], rna_database, af3_nhmmer(len(query.sequence)))[0].alignment()
    rows = [row.replace("-", "") for row in found.sequences[1:]]
    ours = hmmalign.run(query, rows, found.descriptions[1:], Alphabet.rna())
    with (tmp_path / "query.hmm").open("wb") as file:
        profiles.of_sequence(query, Alphabet.rna()).write(file)
    (tmp_path / "rows.fasta").write_text("".join(f">{i}\n{row}\n" for i, row in enumerate([query.sequence, *rows])))
    command = [installed("hmmalign"), "--rna", "-o", tmp_path / "out.sto", tmp_path / "query.hmm"]
    subprocess.run([*command, tmp_path / "rows.fasta"], check=True)
    theirs = read_stockholm(tmp_path / "out.sto", query=query.sequence)
    assert ours.sequences == theirs.sequences
    np.testing.assert_array_equal(ours.deletions, theirs.deletions)
    assert ours.descriptions[1:] == found.descriptions[1:]
    assert len(ours) > 5


def test_nothing_to_align_is_the_query_alone(rna_queries):
    assert len(hmmalign.run(rna_queries[0], [], [], Alphabet.rna())) == 1
