"""One reading of an alignment against the released programs, with their random draws frozen."""

import numpy as np
import pytest
import torch

from foldwright.chem.residues import HHBLITS_TO_RESTYPE
from foldwright.features.masking import mask_centres
from foldwright.features.msa import MSA, profile
from foldwright.features.sampling import Draws, draw, read_monomer, read_multimer


def assert_close(ours, theirs, tolerance):
    theirs = torch.as_tensor(np.asarray(theirs))
    assert ours.shape == theirs.shape
    assert theirs.double().std() > 0
    torch.testing.assert_close(ours.to(theirs.dtype), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["mask", "nomask"])
def test_monomer_reading_equals_deepmind(oracle, name):
    """Arrays: data/tf_features_*.npz (16 clusters, 24 extra rows, rows in their order, frozen masking, float32)."""
    case = oracle(f"data/tf_features_{name}.npz")
    msa = MSA.from_rows(HHBLITS_TO_RESTYPE[case["in/msa"]], case["in/deletion_matrix_int"])
    is_masking = name == "mask"
    draws = Draws(
        order=torch.arange(len(msa)),
        mask_position=torch.from_numpy(case["mask_position"]) & is_masking,
        replacement=torch.from_numpy(case["bert_sample"]).long(),
    )
    reading = read_monomer(msa, draws, num_extra=24)
    if is_masking:
        assert 0 < reading.masked_msa.bert_mask.mean() < 1
    assert_close(reading.msa.feat, case["out/msa_feat"][0], 2e-6)
    assert_close(reading.masked_msa.true_msa, case["out/true_msa"][0], 0)
    np.testing.assert_array_equal(reading.masked_msa.bert_mask, case["out/bert_mask"][0])
    np.testing.assert_array_equal(reading.msa.mask, case["out/msa_mask"][0])
    assert_close(reading.extra_msa.aatype, case["out/extra_msa"][0], 0)
    assert_close(reading.extra_msa.has_deletion, case["out/extra_has_deletion"][0], 0)
    assert_close(reading.extra_msa.deletion_value, case["out/extra_deletion_value"][0], 1e-7)
    np.testing.assert_array_equal(reading.extra_msa.mask, case["out/extra_msa_mask"][0])


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("multimer_small", "multimer_v3_derived"),  # the inputs of multimer_v3; derived/* of its outputs
        pytest.param("multimer_v3_notempl", "multimer_v3_notempl_outputs_f64", marks=pytest.mark.shared),
    ],
)
def test_multimer_reading_equals_deepmind(oracle, name, outputs):
    """Arrays: e2e/*_inputs.npz, derived/* of e2e/*_outputs_f64.npz (AlphaFold-Multimer, float64, frozen sampling)."""
    case, out = oracle(f"e2e/{name}_inputs.npz"), oracle(f"e2e/{outputs}.npz")
    msa, draws = replay(case)
    assert 0 < msa.mask.mean() < 1
    assert 0 < draws.mask_position.double().mean() < 1
    assert_close(profile(msa), out["derived/msa_profile"], 1e-12)
    num_clusters = len(draws.mask_position)
    reading = read_multimer(msa, draws, num_extra=len(out["derived/extra_msa_mask"]))
    assert_close(reading.msa.feat, out["derived/msa_feat"], 1e-12)
    assert_close(reading.msa.mask, out["derived/msa_mask"], 0)
    assert_close(reading.masked_msa.true_msa, out["derived/true_msa"], 0)
    assert_close(reading.masked_msa.bert_mask, out["derived/bert_mask"], 0)
    assert_close(reading.msa.feat[..., :23].argmax(-1), out["derived/msa"], 0)
    extra = reading.extra_msa
    one_hot = torch.nn.functional.one_hot(extra.aatype, 23)
    feat = torch.cat([one_hot, extra.has_deletion[..., None], extra.deletion_value[..., None]], dim=-1)
    assert_close(feat, out["derived/extra_msa_feat"], 1e-12)
    np.testing.assert_array_equal(extra.mask, out["derived/extra_msa_mask"])
    assert num_clusters == 9


def replay(case):
    def real(key):
        return torch.from_numpy(case[key]).double()

    msa = MSA(
        rows=torch.from_numpy(case["msa"]).long(),
        deletions=real("deletion_matrix"),
        mask=real("msa_mask"),
        bert_mask=real("bert_mask"),
        is_centre=real("cluster_bias_mask"),
    )
    draws = Draws(
        order=torch.from_numpy(case["sampling/index_order"]).long(),
        mask_position=torch.from_numpy(case["sampling/mask_position"]),
        replacement=torch.from_numpy(case["sampling/bert_sample"]).long(),
    )
    return msa, draws


def random_msa(num_rows=40, num_columns=17, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 22, (num_rows, num_columns))
    return MSA.from_rows(rows, rng.poisson(0.5, rows.shape))


def test_the_query_is_the_first_centre_and_no_row_is_read_twice():
    msa = random_msa()
    draws = draw(msa, profile(msa), 12, 0.15, np.random.default_rng(3))
    assert draws.order[0] == 0
    assert sorted(draws.order.tolist()) == list(range(40))
    assert draws.order.tolist() != list(range(40))
    assert draws.mask_position.shape == (12, 17)


def test_a_small_alignment_gives_fewer_centres_and_one_masked_extra_row():
    msa = random_msa(num_rows=1)
    reading = read_monomer(msa, draw(msa, profile(msa), 12, 0.15, np.random.default_rng(3)), num_extra=8)
    assert reading.msa.feat.shape == (1, 17, 49)
    assert reading.extra_msa.mask.shape == (1, 17)
    assert reading.extra_msa.mask.sum() == 0
    assert reading.msa.feat.isfinite().all()


def test_masking_draws_have_the_published_frequencies():
    rows = np.zeros((600, 300), dtype=np.int64)
    rows[:, 1::2] = 5
    msa = MSA.from_rows(rows, rows * 0)
    draws = draw(msa, profile(msa), 600, 0.15, np.random.default_rng(0))
    chosen, share = draws.mask_position, draws.mask_position.double().mean()
    assert share == pytest.approx(0.15, abs=3e-3)
    became = draws.replacement[chosen]
    true = msa.rows[draws.order][chosen]
    assert (became == 22).double().mean() == pytest.approx(0.7, abs=0.01)
    assert (became == true).double().mean() == pytest.approx(0.1 + 0.1 + 0.1 / 20, abs=0.01)
    assert not (became == 20).any()
    assert not (became == 21).any()
    assert torch.equal(draws.replacement[~chosen], msa.rows[draws.order][~chosen])


def test_gaps_that_only_fill_up_other_chains_are_masked_but_do_not_count():
    centres = random_msa(num_rows=6)
    bert_mask = centres.bert_mask.clone()
    bert_mask[:, 10:] = 0
    centres = MSA(**{**centres.flat(), "bert_mask": bert_mask})
    everywhere = torch.ones(6, 17, dtype=torch.bool)
    masked = mask_centres(centres, everywhere, torch.full((6, 17), 22))
    assert (masked.rows == 22).all()
    assert torch.equal(masked.bert_mask, bert_mask)


def test_rows_of_padding_come_last_and_centres_of_every_block_come_first():
    msa = random_msa()
    is_centre, mask = msa.is_centre.clone(), msa.mask.clone()
    is_centre[[7, 30]] = 1
    mask[20:25] = 0
    msa = MSA(rows=msa.rows, deletions=msa.deletions, mask=mask, bert_mask=msa.bert_mask, is_centre=is_centre)
    order = draw(msa, profile(msa), 12, 0.15, np.random.default_rng(3)).order.tolist()
    assert set(order[:3]) == {0, 7, 30}
    assert set(order[-5:]) == set(range(20, 25))
