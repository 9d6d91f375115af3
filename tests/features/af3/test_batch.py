"""The typed batch of AlphaFold 3 holds what the released program's features hold."""

from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.features.af3.batch import AF3MSA, AF3Batch, batch_from_arrays
from foldwright.features.af3.rows import draw_rows

TINY = Path(__file__).parents[2] / "oracles" / "af3" / "batch_tiny.npz"


@pytest.fixture
def arrays():
    """The features of 13 tokens, padded to 16, as the released program made them."""
    with np.load(TINY, allow_pickle=False) as stored:
        return dict(stored)


def test_features_keep_their_values(arrays):
    batch = batch_from_arrays(arrays)
    np.testing.assert_array_equal(batch.tokens.aatype, arrays["aatype"])
    np.testing.assert_array_equal(batch.msa.rows, arrays["msa"])
    np.testing.assert_array_equal(batch.layout.keys.indices, arrays["queries_to_keys:gather_idxs"])
    np.testing.assert_array_equal(batch.bonds.ligand_ligand.mask, arrays["tokens_to_ligand_ligand_bonds:gather_mask"])
    assert batch.tokens.mask.sum() == arrays["seq_length"] == 13
    assert batch.tokens.is_protein.any()
    assert batch.tokens.is_ligand.any()


def test_a_batch_survives_its_file_and_stacks(arrays, tmp_path):
    batch = batch_from_arrays(arrays)
    batch.save(tmp_path / "batch.safetensors")
    back = AF3Batch.load(tmp_path / "batch.safetensors")
    for name, tensor in batch.flat().items():
        torch.testing.assert_close(back.flat()[name], tensor)
    assert AF3Batch.collate([batch, batch]).reference.positions.shape == (2, 16, 24, 3)


def test_a_missing_array_is_named(arrays):
    del arrays["ref_charge"]
    with pytest.raises(InputError, match="ref_charge"):
        batch_from_arrays(arrays)


def test_rows_are_drawn_from_what_is_there_and_differ_between_passes(arrays):
    arrays |= {name: np.repeat(arrays[name], 5, axis=0) for name in ("msa", "msa_mask", "deletion_matrix")}
    arrays["msa"][:, 0] = np.arange(20)
    arrays["msa_mask"][[3, 8]] = False
    msa = batch_from_arrays(arrays).msa
    is_used = msa.mask.amax(-1) > 0
    order = draw_rows(msa, 1024, seed=7, cycle=0)
    assert sorted(order.tolist()) == is_used.nonzero().flatten().tolist()
    assert 0 < len(order) < 20
    again, later, fewer = draw_rows(msa, 1024, 7, 0), draw_rows(msa, 1024, 7, 1), draw_rows(msa, 4, 7, 0)
    torch.testing.assert_close(again, order)
    torch.testing.assert_close(fewer, order[:4])
    assert (later != order).any()
    taken = msa.take(fewer)
    torch.testing.assert_close(taken.rows[:, 0].long(), fewer)
    torch.testing.assert_close(taken.profile, msa.profile)
    assert taken.mask.shape == taken.deletions.shape == (4, 16)


def test_rows_of_stacked_alignments_are_filled_up_with_empty_ones(arrays):
    short = batch_from_arrays(arrays).msa
    arrays["msa_mask"][:] = True
    long = batch_from_arrays(arrays).msa
    both = AF3MSA.collate([short, long])
    order = draw_rows(both, 16, seed=1, cycle=0)
    assert order.shape == (2, 4)
    used = int((short.mask.amax(-1) > 0).sum())
    assert 0 < used < 4
    assert set(order[0, :used].tolist()) == set((short.mask.amax(-1) > 0).nonzero().flatten().tolist())
    assert both.take(order).rows.shape == (2, 4, 16)
