"""Every distinct official network at its full size.

Parameter counts: ../shared/oracles/af2/manifests_index.json. Each runs in a process of its own, where shapes are not
checked: checking them takes most of the time that building a network of 48 blocks takes.
"""

import pytest

PARAMETERS = {
    "model_1": 93_229_082,
    "model_3": 92_899_674,
    "model_1_ptm": 93_237_338,
    "model_3_ptm": 92_907_930,
    "model_1_multimer_v2": 93_223_705,
    "model_1_multimer_v3": 93_223_705,
}
LAST_BLOCK = "alphafold/alphafold_iteration/evoformer/evoformer_iteration/outer_product_mean/left_projection//weights"

PROGRAM = f"""
import sys
import numpy as np
from foldwright.models.af2.presets import preset
from foldwright.weights import deepmind_af2
from foldwright.weights.rule import rule_array, rule_parameters
from foldwright.weights.store import UNFUSED_SCOPE, load_network

name, path = sys.argv[1:]
config = preset(name)
shapes = deepmind_af2.manifest(config, [UNFUSED_SCOPE] if name.endswith("v2") else [])
np.savez(path, **rule_parameters(shapes))
for _ in ("converted", "mapped"):
    model, info = load_network(path, config, name)
    last = model.trunk.evoformer.blocks[-1].outer_product_mean.left.weight.detach().numpy()
    np.testing.assert_array_equal(last, rule_array("{LAST_BLOCK}", shapes["{LAST_BLOCK}"])[-1].T)
    print(info.preset, sum(tensor.numel() for tensor in model.parameters()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMETERS)
def test_every_official_network_imports_a_file_of_full_size(name, tmp_path, forkserver):
    path = tmp_path / f"params_{name}.npz"
    process = forkserver(PROGRAM, name, path, said=tmp_path / "said", FOLDWRIGHT_CACHE=tmp_path / "cache")
    process.join(900)
    path.unlink(missing_ok=True)
    for kept in (tmp_path / "cache" / "converted").glob("*"):  # 370 MB each
        kept.unlink()
    assert process.exitcode == 0
    assert (tmp_path / "said").read_text().split("\n")[:2] == [f"{name} {PARAMETERS[name]}"] * 2
