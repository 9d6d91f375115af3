"""What is written as shards comes back, by number and in any order."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.training.data.shards import MANIFEST, TABLE, ShardedChains, write_shards


@pytest.fixture
def chains(made_chain):
    confidence = np.linspace(0, 1, 9, dtype=np.float32)
    return [
        made_chain(12, 1, missing=[3], rows=5, cluster="a", split="val", is_core=True, resolution=1.9),
        made_chain(30, 2, has_sidechains=False),
        made_chain(9, 3, confidence=confidence, kind="distilled"),
        made_chain(17, 4, rows=2),
    ]


def test_chains_come_back_as_they_were(chains, tmp_path):
    write_shards(chains, tmp_path, size=3)
    stored = ShardedChains(tmp_path)
    assert len(stored) == len(chains)
    for i in (3, 0, 2, 1):
        ours, back = chains[i], stored[i]
        assert (back.id, back.kind, back.is_core, back.resolution) == (
            ours.id,
            ours.kind,
            ours.is_core,
            ours.resolution,
        )
        for name in ("aatype", "residue_index", "mask"):
            np.testing.assert_array_equal(getattr(back, name), getattr(ours, name))
        np.testing.assert_array_equal(back.positions, ours.positions)
        assert back.depth == ours.depth
        if ours.alignment is not None:
            assert back.alignment.sequences == ours.alignment.sequences
            np.testing.assert_array_equal(back.alignment.deletions, ours.alignment.deletions)
    assert stored[2].confidence is not None
    np.testing.assert_array_equal(stored[2].confidence, chains[2].confidence)
    assert stored[0].confidence is None
    assert 0 < chains[0].mask.mean() < 1


def test_the_manifest_tells_what_there_is_without_reading_it(chains, tmp_path):
    write_shards(chains, tmp_path, {"sources": ["here"]}, size=3)
    stored = ShardedChains(tmp_path)
    assert [row.shard for row in stored.manifest] == ["shard-00000.safetensors"] * 3 + ["shard-00001.safetensors"]
    assert [row.depth for row in stored.manifest] == [5, 1, 1, 2]
    assert [row.split for row in stored.manifest] == ["val", "train", "train", "train"]
    assert stored.manifest[0].cluster == "a"
    assert stored.manifest[1].cluster == chains[1].id
    assert stored.notes["sources"] == ["here"]
    assert stored.index[chains[2].id] == 2


def test_a_changed_shard_is_found(chains, tmp_path):
    write_shards(chains, tmp_path)
    ShardedChains(tmp_path).verify()
    shard = tmp_path / "shard-00000.safetensors"
    data = bytearray(shard.read_bytes())
    data[-3] ^= 1
    shard.write_bytes(data)
    with pytest.raises(InputError, match="not what was written"):
        ShardedChains(tmp_path).verify()


@pytest.mark.parametrize("lost", [MANIFEST, TABLE, "shard-00000.safetensors"])
def test_a_folder_that_lost_a_file_is_refused_at_once(chains, tmp_path, lost):
    write_shards(chains, tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(InputError, match="data prepare"):
        ShardedChains(tmp_path)


def test_a_table_that_was_cut_short_is_refused(chains, tmp_path):
    write_shards(chains, tmp_path)
    table = tmp_path / TABLE
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="3 chains are listed, 4 were written"):
        ShardedChains(tmp_path)


def test_a_file_that_is_no_shard_is_named(chains, tmp_path):
    write_shards(chains, tmp_path)
    (tmp_path / "shard-00000.safetensors").write_bytes(b"not a shard")
    with pytest.raises(InputError, match=r"shard-00000\.safetensors.*cannot be read"):
        ShardedChains(tmp_path)[0]


def test_two_chains_of_one_name_are_refused(chains, tmp_path):
    with pytest.raises(InputError, match="two chains are called"):
        write_shards([chains[0], chains[0]], tmp_path)


def test_nothing_to_write_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no chain"):
        write_shards([], tmp_path)
