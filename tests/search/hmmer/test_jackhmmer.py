"""jackhmmer in process: the program's answers, in shards or not, for many queries in one pass."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.stockholm import parse_stockholm
from foldwright.search.hmmer import JackhmmerOptions, Query, SequenceShards, af2_jackhmmer, jackhmmer

AF2 = ["-N", 1, "-E", 1e-4, "--incE", 1e-4, "--F1", 5e-4, "--F2", 5e-5, "--F3", 5e-7]


@pytest.mark.parametrize("shard_bytes", [8_000, 1 << 25])
def test_hits_e_values_and_alignment_are_those_of_the_program_as_af2_runs_it(
    program, written, queries, database, shard_bytes
):
    found = jackhmmer.run(queries, SequenceShards(database, shard_bytes), af2_jackhmmer(), threads=2)
    assert written(found) == program("jackhmmer", AF2, queries, database)
    assert min(len(hits) for hits in found) > 5


@pytest.mark.parametrize("shard_bytes", [8_000, 1 << 25])
def test_iterations_are_those_of_the_program(program, written, queries, database, shard_bytes):
    options = JackhmmerOptions(iterations=3, e_value=10.0, incE=0.01)
    found = jackhmmer.run(queries, SequenceShards(database, shard_bytes), options, threads=2)
    given = ["-N", 3, "-E", 10, "--incE", 0.01]
    assert written(found) == program("jackhmmer", given, queries, database)
    assert any(hits.name.endswith(("-i2", "-i3")) for hits in found)


def test_shards_change_nothing(queries, database):
    whole, cut = (
        jackhmmer.run(queries, SequenceShards(database, size), af2_jackhmmer(), threads=3) for size in (1 << 25, 5_000)
    )
    assert [hits.rows for hits in whole] == [hits.rows for hits in cut]
    assert all(len(hits.rows) > 5 for hits in whole)
    for a, b in zip(whole, cut, strict=True):
        assert a.alignment().sequences == b.alignment().sequences


def test_a_query_is_answered_alike_alone_and_among_others(queries, database):
    together = jackhmmer.run(queries, database, af2_jackhmmer(iterations=2), threads=2)
    alone = [jackhmmer.run([query], database, af2_jackhmmer(iterations=2))[0] for query in queries]
    assert [hits.rows for hits in together] == [hits.rows for hits in alone]


def test_the_alignment_is_the_stockholm_text_over_the_columns_of_the_query(queries, database):
    for query, hits in zip(queries, jackhmmer.run(queries, database, af2_jackhmmer()), strict=True):
        stockholm = parse_stockholm(hits.stockholm_text().splitlines())
        written, ours = stockholm.alignment(), hits.alignment()
        assert ours.query == query.sequence
        assert ours.sequences == written.sequences
        np.testing.assert_array_equal(ours.deletions, written.deletions)
        assert ours.deletions.any()
        described = [f"{name} {stockholm.descriptions.get(name, '')}".strip() for name in stockholm.rows]
        assert ours.descriptions == described


def test_rows_say_where_and_how_well(queries, database):
    hits = jackhmmer.run(queries[:1], database, af2_jackhmmer())[0]
    best = hits.rows[0]
    assert best.e_value <= hits.rows[-1].e_value < 1e-4
    assert 1 <= best.query_start < best.query_end <= len(queries[0].sequence)
    assert best.is_included
    assert hits.alignment().descriptions[1].startswith(f"{best.name}/{best.start}-{best.end} [subseq from] ")


def test_max_hits_keeps_the_best_rows(queries, database):
    every = jackhmmer.run(queries[:1], database, af2_jackhmmer())[0]
    few = jackhmmer.run(queries[:1], database, af2_jackhmmer(max_hits=3))[0]
    assert few.rows == every.rows[:3]
    assert few.alignment().sequences == every.alignment().sequences[:4]


def test_z_scales_e_values(queries, database):
    own, ten = (jackhmmer.run(queries[:1], database, af2_jackhmmer(z=z))[0].rows[0] for z in (100.0, 1000.0))
    assert ten.e_value == pytest.approx(10 * own.e_value)
    assert ten.score == own.score


def test_a_query_without_relatives_is_an_alignment_of_itself(database):
    hits = jackhmmer.run([Query("lonely", "MKWVTFISLLFLFSSAYSRGVFRRDAHK")], database, af2_jackhmmer())[0]
    assert len(hits) == 0
    assert hits.rows == ()
    assert hits.alignment().sequences == ["MKWVTFISLLFLFSSAYSRGVFRRDAHK"]


@pytest.mark.parametrize(("name", "sequence"), [("a b", "MKV"), ("", "MKV"), ("q", "")])
def test_a_query_that_cannot_be_searched_is_refused(name, sequence):
    with pytest.raises(InputError):
        Query(name, sequence)


def test_a_letter_that_is_no_residue_is_refused_by_name(database):
    with pytest.raises(InputError, match=r'"bad".*letter'):
        jackhmmer.run([Query("bad", "MK1V")], database)


@pytest.mark.parametrize("wrong", [{"e_value": 0.0}, {"F1": 2.0}, {"iterations": 0}, {"z": -1.0}, {"max_hits": 0}])
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(InputError) as error:
        JackhmmerOptions(**wrong)
    assert error.value.field in wrong
