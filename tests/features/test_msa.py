"""Alignments as numbers: encoding, deduplication, profile, block deletion."""

import numpy as np
import torch

from foldwright.chem.residues import HHBLITS_TO_RESTYPE
from foldwright.features import msa as m
from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import read_stockholm


def random_alignment(num_rows=30, num_columns=11, seed=0):
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWYXBZUOJ-", np.uint8)[rng.integers(0, 27, (num_rows, num_columns))]
    deletions = rng.poisson(0.7, letters.shape).astype(np.int32)
    return Alignment.of_letters(letters, deletions, [f"row {i}" for i in range(num_rows)])


def test_letters_become_numbers_and_rare_residues_their_relatives():
    alignment = Alignment(["ARNDX-", "BZUOJ-"], np.zeros((2, 6), np.int32), ["query", "rare"])
    assert m.MSA.from_alignment(alignment).rows.tolist() == [[0, 1, 2, 3, 20, 21], [3, 6, 4, 20, 20, 21]]


def test_deletions_become_a_flag_and_a_value_below_one():
    d = torch.tensor([0.0, 1, 3, 300])
    assert m.has_deletion(d).tolist() == [0, 1, 1, 1]
    torch.testing.assert_close(m.deletion_value(d), torch.tensor([0, 0.20483276, 0.5, 0.9936340]))


def test_profile_is_the_frequency_of_each_letter():
    alignment = random_alignment()
    msa = m.MSA.from_alignment(alignment)
    expected = [[(msa.rows[:, i] == letter).double().mean() for letter in range(22)] for i in range(11)]
    torch.testing.assert_close(m.profile(msa).double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)


def test_masked_rows_do_not_enter_the_profile():
    msa = m.MSA.from_alignment(random_alignment())
    mask = msa.mask.clone()
    mask[20:] = 0
    parts = {k: v for k, v in msa.flat().items() if k != "mask"}
    torch.testing.assert_close(m.profile(m.MSA(mask=mask, **parts)), m.profile(msa.select(torch.arange(20))))
    assert m.num_effective_rows(m.MSA(mask=mask, **parts)) == 20


def test_block_deletion_removes_the_drawn_blocks_and_never_the_query():
    kept = m.block_deletion(10, np.array([0, 8]), fraction=0.3)
    assert kept.tolist() == [0, 3, 4, 5, 6, 7]


def test_block_deletion_with_five_blocks_leaves_part_of_a_large_alignment():
    starts = np.random.default_rng(0).integers(0, 1000, 5)
    kept = m.block_deletion(1000, starts)
    assert 1 < len(kept) <= 700
    assert kept[0] == 0
    assert (kept.diff() > 0).all()
    assert m.block_deletion(3, np.arange(3), fraction=0.3).tolist() == [0, 1, 2]


def test_msa_features_equal_deepmind(oracle, oracle_file):
    """Arrays: data/make_msa_features.npz (three files in the order UniRef90, BFD, MGnify, without repeated rows)."""
    case = oracle("data/make_msa_features.npz")
    files = [
        read_stockholm(oracle_file("data/inputs/uniref90_sto__uniref90_hits.sto")),
        read_a3m(oracle_file("data/inputs/bfd_a3m__bfd_uniclust_hits.a3m")),
        read_stockholm(oracle_file("data/inputs/mgnify_sto__mgnify_hits.sto")),
    ]
    alignment = Alignment.concatenate(files).unique()
    msa = m.MSA.from_alignment(alignment)
    assert sum(map(len, files)) > len(alignment) == case["num_alignments"][0]
    np.testing.assert_array_equal(msa.rows, HHBLITS_TO_RESTYPE[case["msa"]])
    np.testing.assert_array_equal(msa.deletions, case["deletion_matrix_int"])
    assert msa.deletions.std() > 0
