"""The typed batch of AlphaFold 3 holds what the released program's features hold."""

from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.features.af3_batch import AF3Batch, batch_from_arrays

TINY = Path(__file__).parents[1] / "oracles" / "af3" / "batch_tiny.npz"


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
