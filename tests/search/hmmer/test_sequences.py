"""Databases in shards: all of the file, never all at once, counted once."""

import gzip
import json

import pytest

from foldwright.errors import InputError
from foldwright.search.hmmer import Query, SequenceShards, jackhmmer, measure, sequences


def test_shards_hold_every_sequence_once_in_order(database):
    names = [line[1:].split()[0] for line in database.read_text().splitlines() if line.startswith(">")]
    shards = [[sequence.name for sequence in shard] for shard in SequenceShards(database, 6_000)]
    assert len(shards) > 3
    assert [name for shard in shards for name in shard] == names


def test_shards_are_as_small_as_was_asked(database):
    for shard in SequenceShards(database, 20_000):
        assert sum(len(sequence) for sequence in shard) < 20_000
        assert len(shard) <= 20_000 // 1000


def test_a_packed_database_is_the_same_database(database, tmp_path):
    packed = tmp_path / "db.fasta.gz"
    packed.write_bytes(gzip.compress(database.read_bytes()))
    assert measure(packed) == measure(database)
    plain, unpacked = (
        [(s.name, bytes(s.sequence)) for shard in SequenceShards(path, 9_000) for s in shard]
        for path in (database, packed)
    )
    assert plain == unpacked


def test_the_size_is_that_of_the_file(database):
    text = database.read_text()
    residues = sum(len(line) for line in text.splitlines() if not line.startswith(">"))
    assert (measure(database).sequences, measure(database).residues) == (text.count(">"), residues)


@pytest.mark.parametrize("piece", [1, 7, 500])
def test_the_size_is_that_of_all_pieces(database, monkeypatch, piece):
    whole = sequences._count(database)
    monkeypatch.setattr(sequences, "_READ", piece)
    assert sequences._count(database) == whole
    assert whole.sequences > 300


def test_the_size_is_counted_once_and_again_when_the_file_changes(tmp_path, monkeypatch):
    path = tmp_path / "db.fasta"
    path.write_text(">a\nMKV\n")
    first = measure(path)
    with monkeypatch.context() as patch:
        patch.setattr(sequences, "_count", lambda path: pytest.fail("counted again"))
        assert measure(path) == first
    path.write_text(">a\nMKV\n>b\nMK\n")
    assert measure(path).sequences == 2


def test_a_size_may_be_kept_beside_the_file_and_a_damaged_one_is_made_again(tmp_path):
    path = tmp_path / "db.fasta"
    path.write_text(">a\nMKV\n")
    size = measure(path, beside=True)
    beside = tmp_path / "db.fasta.size.json"
    assert json.loads(beside.read_text())["sequences"] == 1
    for text in ("", "[]", "{}", '{"bytes": 1}'):
        beside.write_text(text)
        assert measure(path, beside=True) == size


def test_a_database_that_fits_into_one_shard_is_read_once(database, monkeypatch):
    shards = SequenceShards(database)
    assert [len(shard) for shard in shards] == [shards.size.sequences]
    monkeypatch.setattr(shards, "_read", lambda: pytest.fail("read again"))
    assert [len(shard) for shard in shards] == [shards.size.sequences]


@pytest.mark.parametrize("content", [b"", b"no sequences\n", b"\x1f\x8b\x08\x00cut"])
def test_a_file_that_is_no_database_is_refused_by_name(tmp_path, content):
    path = tmp_path / "db.fasta"
    path.write_bytes(content)
    shards = SequenceShards(path)
    with pytest.raises(InputError, match=r"db\.fasta"):
        assert shards.size
    with pytest.raises(InputError, match=r"db\.fasta"):
        jackhmmer.run([Query("q", "MKV")], shards)


def test_a_missing_file_and_an_impossible_size_are_refused(tmp_path, database):
    with pytest.raises(InputError, match="cannot be read"):
        SequenceShards(tmp_path / "nowhere.fasta")
    with pytest.raises(InputError, match="no size"):
        SequenceShards(database, 0)


def test_letters_of_another_kind_of_molecule_are_refused(tmp_path):
    path = tmp_path / "db.fasta"
    path.write_text(">a\nMKV1L\n")
    with pytest.raises(InputError, match="cannot be read as sequences"):
        list(SequenceShards(path))
