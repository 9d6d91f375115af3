"""Sequences that HMMER need not see: the compiled scores, the limits, and the same hits as without."""

import random
from concurrent.futures import ThreadPoolExecutor
from math import exp, expm1, log

import numpy as np
import pytest
from pyhmmer.easel import Alphabet, SequenceFile
from pyhmmer.plan7 import Background, Pipeline, Profile

from foldwright.errors import InputError
from foldwright.search.hmmer import (
    HmmsearchOptions,
    JackhmmerOptions,
    Query,
    SequenceShards,
    hmmsearch,
    jackhmmer,
    passes,
    profiles,
)
from foldwright.search.hmmer import screen as screening
from foldwright.search.hmmer.packed import STOP, STOPS, Packed, pack
from foldwright.search.hmmer.screen import screens

pytest.importorskip("llvmlite")
from foldwright.search.hmmer import diagonals
from foldwright.search.hmmer.diagonals import CostTable, best_scores, by_definition

AMINO = Alphabet.amino()


def side_by_side(sequences):
    """Codes with stops between them, where each begins and how long it is."""
    gap = np.full(STOPS, STOP, np.uint8)
    codes = np.concatenate([part for sequence in sequences for part in (gap, sequence)] + [gap])
    lengths = np.array([len(sequence) for sequence in sequences])
    return codes, np.cumsum(lengths + STOPS) - lengths, lengths


@pytest.mark.parametrize("columns", [(1,), (23,), (24,), (150,), (31, 2, 90), (700, 5)])
@pytest.mark.parametrize("cheapest", [-12, -90])
def test_compiled_scores_are_those_of_the_definition(columns, cheapest):
    numbers = np.random.default_rng(sum(columns))
    tables = [numbers.integers(cheapest, 14, (29, width)).astype(np.int8) for width in columns]
    sequences = [numbers.integers(0, 29, length).astype(np.uint8) for length in (0, 1, 7, 8, 9, 15, 16, 17, 60, 301)]
    found = best_scores(*side_by_side(sequences), CostTable.of(tables))
    assert found.tolist() == [[by_definition(table, each) for each in sequences] for table in tables]
    assert found.max() > 5


def test_the_definition_starts_anew_below_nothing_and_stays_at_a_full_byte():
    costs = np.array([[-5, 9, 9], [9, -7, 9], [9, 9, 100]], np.int8)
    assert by_definition(costs, np.array([0, 1, 2, 0, 0], np.uint8)) == 12
    assert by_definition(np.full((1, 40), -9, np.int8), np.zeros(40, np.uint8)) == 255


def test_a_loop_that_computes_wrongly_is_not_used_and_that_is_said_once(monkeypatch, caplog):
    assert screening.is_available(AMINO)
    assert not screening.is_available(Alphabet.rna())
    right = diagonals.best_scores
    monkeypatch.setattr(diagonals, "best_scores", lambda *batch: right(*batch) + np.uint8(1))
    screening._is_loop_right.cache_clear()
    assert not screening.is_available(AMINO)
    assert not screening.is_available(AMINO)
    assert ["HMMER filters alone" in record.message for record in caplog.records] == [True]
    screening._is_loop_right.cache_clear()


@pytest.mark.parametrize("columns", [20, 23, 24, 25])  # 23 fill their lanes with those around them
def test_a_profile_does_not_score_with_the_columns_of_its_neighbour(columns):
    gain, loss = np.full((29, columns), -12, np.int8), np.ones((29, 5), np.int8)
    best = best_scores(*side_by_side([np.zeros(60, np.uint8)]), CostTable.of([loss, gain, loss, gain, gain]))
    full = min(12 * columns, 255)
    assert best.T.tolist() == [[0, full, 0, full, full]]


def test_threads_may_come_first_together():
    diagonals._compiled.cache_clear()
    table = CostTable.of([np.full((29, 50), -1, np.int8)])
    batch = side_by_side([np.zeros(30, np.uint8)] * 2000)
    with ThreadPoolExecutor(8) as workers:
        answers = [future.result() for future in [workers.submit(best_scores, *batch, table) for _ in range(8)]]
    assert all((answer == 30).all() for answer in answers)


def test_packed_sequences_are_those_that_hmmer_reads(database):
    with SequenceFile(str(database), format="fasta", digital=True, alphabet=AMINO) as file:
        read = file.read_block()
    packed = pack(database.read_bytes(), AMINO)
    assert len(packed) == len(read)
    for start, length, sequence in zip(packed.starts, packed.lengths, read, strict=True):
        assert packed.codes[start : start + length].tolist() == list(sequence.sequence)
        assert set(packed.codes[start + length :][:STOPS].tolist()) <= {STOP, STOP - 1}
    chosen = packed.read(np.array([3, 0, 41]))
    assert [(s.name, s.description, bytes(s.sequence)) for s in chosen] == [
        (read[i].name, read[i].description, bytes(read[i].sequence)) for i in (3, 0, 41)
    ]


@pytest.mark.parametrize(
    "text", [b"MKV\n>a\nMKV\n", b">a\nMK*V\n", b">a\nMK-V\n", b">a\nM1\n", b">a\nM\0K\n", b">a\nM\1\n"]
)
def test_what_is_not_plain_is_left_to_hmmer(text):
    assert pack(text, AMINO) is None


def test_headers_without_sequence_and_lines_of_any_kind():
    packed = pack(b">empty\n>b two words\r\nMk\r\n\n V\n>c >not a header\nWWXBZJUO", AMINO)
    assert packed.lengths.tolist() == [0, 3, 8]
    assert bytes(AMINO.decode(packed.codes[packed.starts[2] :][:8]), "ascii") == b"WWXBZJUO"
    assert [each.description for each in packed.read(np.array([1, 2]))] == ["two words", ">not a header"]


def p_value_of_the_first_filter(model, sequence):
    """As HMMER's pipeline forms it from the score of its own MSV filter."""
    background, profile = Background(AMINO), Profile(model.M, AMINO)
    background.L = len(sequence)
    profile.configure(model, background, len(sequence))
    optimised = profile.to_optimized()
    optimised.L = len(sequence)
    nats = optimised.msv_filter(sequence)
    length = len(sequence)
    null = length * log(length / (length + 1)) - log(length + 1)
    mu, slope = list(model.evalue_parameters.as_vector())[:2]
    return -expm1(-exp(-slope * ((nats - null) / log(2) - mu))) if nats != float("inf") else 0.0


@pytest.mark.parametrize("F1", [0.1, 0.02, 5e-4])
def test_those_pass_whom_the_first_filter_of_hmmer_lets_pass(queries, database, F1):
    models = [profiles.of_sequence(query, AMINO) for query in queries]
    packed = pack(database.read_bytes(), AMINO)
    everyone = packed.read(np.arange(len(packed)))
    (group,) = screens(models, F1)
    for model, block in zip(models, group.read(packed, slice(0, len(packed))), strict=True):
        p_values = {sequence.name: p_value_of_the_first_filter(model, sequence) for sequence in everyone}
        seen = {sequence.name for sequence in block}
        assert {name for name, p in p_values.items() if p <= F1} <= seen
        if F1 > 0.01:  # below it come those with which HMMER would try two segments
            assert seen <= {name for name, p in p_values.items() if p <= F1 * 1.3}, "a third of a bit at most"
        assert 12 <= len(seen) < len(everyone) / 2


def test_several_weak_segments_are_left_to_hmmer(queries):
    query, numbers = queries[2], random.Random(1)
    model = profiles.of_sequence(query, AMINO)
    texts = []
    for length in range(6, 14):
        pieces = [query.sequence[at : at + length] for at in range(0, 110, 8)]
        texts += ["".join(piece + numbers.choice("GSTP") * 3 for piece in pieces[::step]) for step in (1, -1)]
    packed = pack("".join(f">s{i}\n{text}\n" for i, text in enumerate(texts)).encode(), AMINO)
    everyone = packed.read(np.arange(len(packed)))
    F1 = 1e-9
    (group,) = screens([model], F1)
    passing = {s.name for s in everyone if p_value_of_the_first_filter(model, s) <= F1}
    (alone,) = best_scores(packed.codes, packed.starts, packed.lengths, group._costs)
    assert passing <= {s.name for s in group.read(packed, slice(0, len(packed)))[0]}
    weak = {s.name for s, score in zip(everyone, alone, strict=True) if score < 100}
    assert weak & passing, "some pass by more than their best segment"


def test_pieces_of_a_shard_add_up(queries, database):
    packed = pack(database.read_bytes(), AMINO)
    (group,) = screens([profiles.of_sequence(query, AMINO) for query in queries], 0.02)
    whole = group.read(packed, slice(0, len(packed)))
    parts = [group.read(packed, slice(start, start + 100)) for start in range(0, len(packed), 100)]
    for i, block in enumerate(whole):
        assert [s.name for part in parts for s in part[i]] == [s.name for s in block]


def test_profiles_are_grouped_and_long_ones_stand_alone(queries):
    models = [profiles.of_sequence(query, AMINO) for query in queries]
    groups = screens([models[2]] * 7, 0.02)
    assert [list(group.profiles) for group in groups] == [[0, 1, 2, 3, 4], [5, 6]]


def test_every_profile_of_many_short_ones_has_a_lane(database):
    texts = ["MKV", "WLIV", "C"] * 23
    models = [profiles.of_sequence(Query("short", text), AMINO) for text in texts]
    packed = pack(database.read_bytes(), AMINO)
    groups = screens(models, 0.02)
    assert [len(group.profiles) for group in groups] == [32, 32, 5]
    alone = [screens([model], 0.02)[0].read(packed, slice(0, len(packed)))[0] for model in models[:3]]
    found = [block for group in groups for block in group.read(packed, slice(0, len(packed)))]
    for number, block in enumerate(found):
        assert [s.name for s in block] == [s.name for s in alone[number % 3]]
    assert min(map(len, alone)) < max(map(len, alone))


@pytest.mark.parametrize("odd", ["", ">odd\nMKVW*LLK\n"])
@pytest.mark.parametrize(
    "options", [{"F1": 5e-4, "e_value": 1e-4}, {"F1": 0.3, "F2": 0.3, "F3": 0.3, "e_value": 100.0}]
)
def test_hits_are_the_same_without(monkeypatch, queries, database, tmp_path, options, odd):
    monkeypatch.setattr(passes, "_LARGEST_PIECE", 5)
    path = tmp_path / "db.fasta"
    path.write_text(database.read_text() + odd)
    models = [profiles.of_sequence(query, AMINO) for query in queries]

    def hits():
        shards = SequenceShards(path, 40_000)
        sequences = jackhmmer.run(queries, shards, JackhmmerOptions(iterations=2, **options), threads=3)
        by_profile = hmmsearch.run(models, shards, HmmsearchOptions(**options), threads=2)
        return [(each.rows, each.stockholm_text()) for each in (*sequences, *by_profile)]

    screened = hits()
    monkeypatch.setattr(screening, "is_available", lambda alphabet: False)
    assert screened == hits()
    assert min(len(rows) for rows, _ in screened) > 5


def test_hmmer_sees_few_of_many(monkeypatch, queries, database):
    seen = []

    class Counting(Pipeline):
        def search_hmm(self, query, sequences):
            seen.append(len(sequences))
            return super().search_hmm(query, sequences)

    monkeypatch.setattr(jackhmmer, "Pipeline", Counting)
    monkeypatch.setattr(passes, "_LARGEST_PIECE", 5)
    jackhmmer.run(queries, SequenceShards(database), JackhmmerOptions(iterations=1, F1=5e-4))
    assert 36 <= sum(seen) < 60
    assert max(seen) == 5


def test_packed_shards_hold_every_sequence_once_and_a_whole_database_is_packed_once(database, monkeypatch):
    shards = SequenceShards(database, 30_000)
    packed = list(shards.packed())
    assert len(packed) > 3
    assert all(isinstance(shard, Packed) for shard in packed)
    assert sum(len(shard) for shard in packed) == shards.size.sequences
    assert sum(int(shard.lengths.sum()) for shard in packed) == shards.size.residues
    whole = SequenceShards(database)
    first = list(whole.packed())
    assert len(first) == 1
    assert next(whole.packed()) is first[0]


def test_an_unknown_letter_is_told_with_its_line_in_the_file(tmp_path):
    path = tmp_path / "db.fasta"
    path.write_text(">a\nMKV\n" * 500 + ">b\nMK1\n")
    with pytest.raises(InputError, match="cannot be read as sequences") as screened:
        list(SequenceShards(path, 4_000).packed())
    with pytest.raises(InputError) as plain:
        list(SequenceShards(path, 4_000))
    assert str(screened.value) == str(plain.value)
