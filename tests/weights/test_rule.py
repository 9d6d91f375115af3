"""Sums from ../shared/oracles/af2/e2e/param_check_*.json: [sum, sum of absolutes, first, last] of each array."""

import json
from pathlib import Path

import numpy as np
import pytest

from foldwright.weights.rule import rule_array, rule_parameters

CHECKS = Path(__file__).parents[3] / "shared" / "oracles" / "af2" / "e2e"


def summary(array):
    wide = array.astype(np.float64)
    return [wide.sum(), np.abs(wide).sum(), wide.flat[0], wide.flat[-1]]


@pytest.mark.shared
@pytest.mark.parametrize("network", ["monomer_model_1_ptm", "monomer_model_3_ptm", "multimer_v3"])
def test_every_array_equals_the_original_rule(network):
    path = CHECKS / f"param_check_{network}.json"
    if not path.exists():
        pytest.skip("needs ../shared")
    checks = json.loads(path.read_text())
    ours = rule_parameters({key: check["shape"] for key, check in checks.items()})
    for key, check in checks.items():
        np.testing.assert_allclose(summary(ours[key]), check["check"], rtol=1e-9, atol=1e-9, err_msg=key)


STACK = "alphafold/alphafold_iteration/evoformer/evoformer_iteration"
FOLD = "alphafold/alphafold_iteration/structure_module/fold_iteration"


@pytest.mark.parametrize(
    ("key", "shape", "check"),
    [
        (
            "alphafold/alphafold_iteration/distogram_head/half_logits//weights",
            [128, 64],
            [-6.6758989275285785, 577.5481662869834, 0.0009885004255920649, 0.07203374058008194],
        ),
        (
            f"{STACK}/msa_column_attention/attention//output_w",
            [2, 8, 32, 256],
            [10.778114466128272, 6542.230942466273, -0.1273382306098938, -0.10663804411888123],
        ),
        (
            f"{STACK}/msa_column_attention/query_norm//scale",
            [2, 256],
            [511.61036080121994, 511.61036080121994, 0.9610109925270081, 1.0315316915512085],
        ),
        (
            f"{FOLD}/affine_update//weights",
            [384, 6],
            [0.29253770807736146, 23.091778656931638, -0.025476716458797455, -0.028330441564321518],
        ),
        (
            f"{FOLD}/invariant_point_attention//trainable_point_weights",
            [12],
            [6.575573444366455, 6.575573444366455, 0.6791478991508484, 0.5643550753593445],
        ),
        (
            f"{FOLD}/quat_rigid/rigid//weights",
            [384, 6],
            [0.1400943115077098, 9.303878224267464, 0.010236314497888088, 0.001807177672162652],
        ),
    ],
)
def test_one_array_of_each_kind_equals_the_original_rule(key, shape, check):
    np.testing.assert_allclose(summary(rule_array(key, shape)), check, rtol=1e-9, atol=1e-9)


def test_more_blocks_leave_the_first_ones_as_they_are():
    key = f"{STACK}/outer_product_mean/left_projection//weights"
    two, three = (rule_array(key, [blocks, 256, 32]) for blocks in (2, 3))
    np.testing.assert_array_equal(two, three[:2])
    assert not np.array_equal(three[1], three[2])


def test_another_salt_gives_other_parameters_of_the_same_scale():
    key = "alphafold/alphafold_iteration/distogram_head/half_logits//weights"
    plain, salted = (rule_parameters({key: [128, 64]}, salt)[key] for salt in ("", "held out"))
    assert np.abs(plain - salted).max() > 0.1
    assert plain.std() == pytest.approx(salted.std(), rel=0.05)
