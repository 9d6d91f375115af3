"""jackhmmer installed and in process give the same rows."""

import gzip
import shutil

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.search.found import Database, Query
from foldwright.search.parameters import Jackhmmer, Nhmmer
from foldwright.search.programs.in_process import JackhmmerInProcess, NhmmerInProcess
from foldwright.search.programs.jackhmmer import InstalledJackhmmer

needs_jackhmmer = pytest.mark.skipif(not shutil.which("jackhmmer"), reason="jackhmmer is not installed")


def rows(program, sequence, path, max_rows=None, parameters=None):
    (found,) = program.run([Query(sequence)], [Database("first", path)], parameters or Jackhmmer(), max_rows, threads=1)
    return found.alignment


@needs_jackhmmer
@pytest.mark.parametrize("max_rows", [None, 4, 1])
def test_both_find_the_same_rows(folder, family, max_rows):
    ours, theirs = (
        rows(program, family[0], folder / "first.fasta", max_rows)
        for program in (JackhmmerInProcess(), InstalledJackhmmer())
    )
    assert ours.sequences == theirs.sequences
    assert ours.descriptions == theirs.descriptions
    np.testing.assert_array_equal(ours.deletions, theirs.deletions)
    assert len(ours) == (max_rows or 9)


@needs_jackhmmer
def test_a_sequence_without_relatives_is_alone(folder):
    for program in (JackhmmerInProcess(), InstalledJackhmmer()):
        assert rows(program, "MKTAYIAKQRQISFVK", folder / "first.fasta").sequences == ["MKTAYIAKQRQISFVK"]


def test_gzip_is_read_in_process_and_refused_by_the_program(folder, family, tmp_path):
    packed = tmp_path / "first.fasta.gz"
    packed.write_bytes(gzip.compress((folder / "first.fasta").read_bytes()))
    assert len(rows(JackhmmerInProcess(), family[0], packed)) == 9
    with pytest.raises(InputError, match="gunzip"):
        InstalledJackhmmer().files(Database("first", packed))


def test_a_database_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="databases fetch uniref90"):
        JackhmmerInProcess().files(Database("uniref90", tmp_path / "uniref90.fasta"))


def test_rna_is_searched_on_its_own_strand_and_short_queries_less_strictly(tmp_path):
    rng = np.random.default_rng(0)
    long, short = ("".join(rng.choice(list("ACGU"), size)) for size in (120, 40))
    noise = "".join(f">n{i}\n{''.join(rng.choice(list('ACGU'), 300))}\n" for i in range(20))
    mirrored = long.translate(str.maketrans("ACGU", "UGCA"))[::-1]
    path = tmp_path / "rna.fasta"
    path.write_text(f"{noise}>same\nAAAA{long}GGGG\n>short\nCC{short}CC\n>mirrored\n{mirrored}\n")
    queries = [Query(short), Query(long)]
    found = list(NhmmerInProcess().run(queries, [Database("rna", path)], Nhmmer(), 10, threads=1))
    assert [one.alignment.query for one in found] == [short, long]
    assert [d.split("/")[0] for d in found[1].alignment.descriptions] == ["query", "same"]
    assert [d.split("/")[0] for d in found[0].alignment.descriptions] == ["query", "short"]


def test_rna_hits_are_laid_over_the_query_with_their_insertions(tmp_path):
    rng = np.random.default_rng(1)
    query, noise = ("".join(rng.choice(list("ACGU"), size)) for size in (120, 2000))
    relative = query[10:60] + "GAUUA" + query[60:110]
    path = tmp_path / "rna.fasta"
    path.write_text(f">noise\n{noise}\n>relative\n{noise[:200]}{relative}{noise[200:400]}\n")
    (found,) = NhmmerInProcess().run([Query(query)], [Database("rna", path)], Nhmmer(), None, threads=1)
    rows = found.alignment
    start, end = map(int, rows.descriptions[1].split()[0].partition("/")[2].split("-"))
    assert abs(start - 201) < 5
    aligned = rows.sequences[1].replace("-", "")
    assert len(aligned) + rows.deletions[1].sum() == end - start + 1
    assert rows.sequences[1][20:50] == query[20:50]
    assert rows.sequences[1][70:100] == query[70:100]
    assert rows.deletions[1][50:70].sum() == 5
    assert rows.sequences[0] == query
    (alone,) = NhmmerInProcess().run([Query(query)], [Database("rna", path)], Nhmmer(), 1, threads=1)
    assert len(alone.alignment) == 1
