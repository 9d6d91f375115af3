"""The databases of ../shared: answers of the installed programs, sharded."""

import gzip
import subprocess
from pathlib import Path

import pytest

from foldwright.io.fasta import parse_fasta
from foldwright.search.hmmer import (
    Query,
    SequenceShards,
    af2_jackhmmer,
    af3_nhmmer,
    hmmsearch,
    jackhmmer,
    nhmmer,
    template_hmmsearch,
)

DATA = Path(__file__).parents[4] / "shared" / "data"
SEQDB = DATA / "seqdb" / "seqdb.fasta.gz"
MINI = DATA / "af3_inputs" / "alphafold3_minidb"
AF2 = ["-N", 1, "-E", 1e-4, "--incE", 1e-4, "--F1", 5e-4, "--F2", 5e-5, "--F3", 5e-7]
TEMPLATES = ["--F1", 0.1, "--F2", 0.1, "--F3", 0.1, "-E", 100, "--domE", 100, "--incE", 100, "--incdomE", 100]

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (SEQDB.exists() and MINI.exists()), reason="../shared/data is not here"),
]


def plain(path, folder):
    """Unpacked: the programs read it faster, and so do the shards."""
    out = folder / path.name.removesuffix(".gz")
    out.write_bytes(gzip.decompress(path.read_bytes()))
    return out


def some_of(path, count, shortest, longest):
    """The first sequences of these lengths as queries."""
    with gzip.open(path, "rt") as file:
        records = parse_fasta(file.read().splitlines())
    fitting = [record for record in records if shortest <= len(record.sequence) <= longest]
    return [Query(f"q{i}", record.sequence.upper().replace("T", "U")) for i, record in enumerate(fitting[:count])]


def proteins(path, count):
    with gzip.open(path, "rt") as file:
        records = parse_fasta(file.read(2_000_000).splitlines())
    fitting = [record for record in records[:-1] if 100 <= len(record.sequence) <= 200]
    return [Query(f"q{i}", record.sequence) for i, record in enumerate(fitting[:count])]


@pytest.mark.slow
def test_a_search_of_145_thousand_sequences_is_that_of_the_program(program, written, tmp_path):
    queries = proteins(SEQDB, 400)[::133]
    database = plain(SEQDB, tmp_path)
    found = jackhmmer.run(queries, SequenceShards(database, 4 << 20), af2_jackhmmer(), threads=2)
    assert written(found) == program("jackhmmer", AF2, queries, database)
    assert sum(len(hits.rows) for hits in found) > 20


@pytest.mark.parametrize("name", ["uniref90", "uniprot_all", "mgy_clusters", "bfd-first_non_consensus_sequences"])
def test_protein_databases_of_alphafold3(program, written, tmp_path, name):
    packed = next(MINI.glob(f"{name}__*"))
    queries, database = proteins(packed, 3), plain(packed, tmp_path)
    found = jackhmmer.run(queries, SequenceShards(database, 100_000), af2_jackhmmer(), threads=2)
    assert written(found) == program("jackhmmer", AF2, queries, database)
    assert all(len(hits) for hits in found)


@pytest.mark.parametrize("name", ["rfam", "rnacentral"])
def test_rna_databases_of_alphafold3(program, written, tmp_path, name):
    packed = next(MINI.glob(f"{name}*"))
    database = plain(packed, tmp_path)
    for query in some_of(packed, 2, 60, 160):
        options = af3_nhmmer(len(query.sequence))
        found = nhmmer.run([query], SequenceShards(database, 50_000, "rna"), options, threads=2)
        given = ["--rna", "--watson", "-E", 1e-3, "--incE", 1e-3, "--F3", options.F3]
        hits, _, alignment = program("nhmmer", given, [query], database)
        ours = written(found)
        assert (ours[0], ours[2]) == (hits, alignment)
        assert len(hits) > 0


def test_sequences_of_the_pdb(program, written, tmp_path, installed):
    packed = next(MINI.glob("pdb_seqres*"))
    database = plain(packed, tmp_path)
    family = jackhmmer.run(proteins(MINI / packed.name, 1), database, af2_jackhmmer())[0]
    (tmp_path / "family.sto").write_text(family.stockholm_text())
    profile = tmp_path / "family.hmm"
    command = [installed("hmmbuild"), "--hand", "--amino", "-o", "/dev/null", profile, tmp_path / "family.sto"]
    subprocess.run(command, check=True)
    found = hmmsearch.run([family], SequenceShards(database, 50_000), template_hmmsearch(), threads=2)
    assert written(found) == program("hmmsearch", TEMPLATES, profile, database)
    assert len(found[0]) > 5
