"""Check sums from ../shared/oracles/af3: crc32 of the little-endian float32 bytes of each array."""

import json
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from foldwright.weights.rule import af3_fan_in, af3_rule_array, af3_rule_parameters

AF3 = Path(__file__).parents[3] / "shared" / "oracles" / "af3"
CONFIDENCE = "confidence_head/__layer_stack_no_per_layer/confidence_pairformer"


@pytest.mark.parametrize(
    ("key", "shape", "checksum"),
    [  # modules/confidence_head.json and distogram_head.json
        (f"{CONFIDENCE}/pair_attention1/act_norm//offset", [1, 128], 2033581917),
        (f"{CONFIDENCE}/pair_attention1/act_norm//scale", [1, 128], 1413938625),
        (f"{CONFIDENCE}/pair_attention1/gating_query//weights", [1, 128, 128], 1012884965),
        (f"{CONFIDENCE}/pair_attention1/k_projection//weights", [1, 4, 32, 128], 2860301905),
        (f"{CONFIDENCE}/pair_attention1/v_projection//weights", [1, 128, 4, 32], 3521699458),
        (f"{CONFIDENCE}/single_attention_q_projection//bias", [1, 16, 24], 1337341910),
        ("distogram_head/half_logits//weights", [128, 64], 2266176667),
    ],
)
def test_one_array_of_each_kind_equals_the_original_rule(key, shape, checksum):
    assert crc32(af3_rule_array(key, shape).tobytes()) == checksum


@pytest.mark.shared
@pytest.mark.parametrize("module", ["confidence_head", "outer_product_mean", "diffusion_transformer_8blocks", "e2e"])
def test_every_array_equals_the_original_rule(module):
    path = AF3 / ("e2e/meta.json" if module == "e2e" else f"modules/{module}.json")
    if not path.exists():
        pytest.skip("needs ../shared")
    for row in json.loads(path.read_text())["params"]:
        array = af3_rule_array(f"{row['scope']}//{row['name']}", row["shape"])
        assert crc32(array.tobytes()) == row["crc32"], row
        assert array.flat[0] == np.float32(row["first"])


@pytest.mark.shared
def test_fan_in_of_all_404_arrays_is_that_of_the_manifest():
    path = AF3 / "manifest_af3.json"
    if not path.exists():
        pytest.skip("needs ../shared")
    rows = [row for row in json.loads(path.read_text())["parameters"] if row["fan_in"] is not None]
    assert len(rows) > 250
    for row in rows:
        assert af3_fan_in(row["scope"], row["name"], row["shape"]) == row["fan_in"], row


def test_another_salt_gives_other_parameters_of_the_same_scale():
    manifest = {"diffuser/distogram_head/half_logits//weights": [128, 64]}
    plain, salted = (af3_rule_parameters(manifest, salt)[next(iter(manifest))] for salt in (0, 7))
    assert np.abs(plain - salted).max() > 0.1
    assert plain.std() == pytest.approx(salted.std(), rel=0.05)
