"""Every layer, its gradients and those of its parameters, against the released AlphaFold 2 in float64.

Arrays: ../shared/oracles/af2/modules/*.npz, rule parameters, entering through the importer of published weights.
"""

import numpy as np
import pytest
import torch

from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)
from foldwright.weights import deepmind_af2 as deepmind
from foldwright.weights import mapping
from foldwright.weights.rule import rule_parameters

CASES = {
    "msa_row_attention_with_pair_bias": (
        MSARowAttentionWithPairBias(64, 32, 8, 8),
        deepmind.row_attention(8),
        ("msa", "pair", "msa_mask"),
    ),
    "msa_column_attention": (MSAColumnAttention(64, 8, 8), deepmind.column_attention(8), ("msa", "msa_mask")),
    "msa_column_global_attention": (
        MSAColumnGlobalAttention(64, 8, 8),
        deepmind.column_global_attention(8),
        ("msa", "msa_mask"),
    ),
    "msa_transition": (Transition(64), deepmind.TRANSITION, ("act",)),
    "outer_product_mean": (OuterProductMean(64, 32), deepmind.outer_product_mean(32), ("act", "mask")),
    "triangle_multiplication_outgoing": (TriangleMultiplicationOutgoing(32), deepmind.UNFUSED, ("pair", "mask")),
    "triangle_multiplication_incoming": (TriangleMultiplicationIncoming(32), deepmind.UNFUSED, ("pair", "mask")),
    "triangle_multiplication_outgoing_fused": (TriangleMultiplicationOutgoing(32), deepmind.FUSED, ("pair", "mask")),
    "triangle_multiplication_incoming_fused": (TriangleMultiplicationIncoming(32), deepmind.FUSED, ("pair", "mask")),
    "triangle_attention_starting_node": (
        TriangleAttentionStartingNode(32, 8, 4),
        deepmind.triangle_attention(4),
        ("pair", "mask"),
    ),
    "triangle_attention_ending_node": (
        TriangleAttentionEndingNode(32, 8, 4),
        deepmind.triangle_attention(4),
        ("pair", "mask"),
    ),
}


@pytest.fixture(params=CASES)
def released(request, oracle):
    """A layer with the rule's parameters, the names of its inputs, its table, and the stored arrays."""
    layer, inner, inputs = CASES[request.param]
    arrays = {name: torch.from_numpy(value) for name, value in oracle(f"modules/{request.param}.npz").items()}
    table = {request.param.removesuffix("_fused"): ("", inner)}
    mapping.load_arrays(layer, table, rule_parameters(mapping.manifest(layer, table)))
    return layer.double(), [arrays[f"in/{name}"].double() for name in inputs], table, inputs, arrays


def relative_error(found, expected):
    return float((found - expected).detach().norm() / expected.norm())


def test_outputs_equal(released):
    layer, inputs, _, _, arrays = released
    out = layer(*inputs)
    assert relative_error(out, arrays["out/out"]) < 1e-12
    assert out.std() > 0.1
    assert all(0 < x.mean() < 1 for x in inputs if set(x.unique().tolist()) <= {0.0, 1.0})


def test_gradients_of_inputs_equal(released):
    layer, inputs, _, names, arrays = released
    for x in inputs:
        x.requires_grad_()
    layer(*inputs).backward(arrays["cot/out"])
    compared = [
        relative_error(x.grad, arrays[f"grad_in/{name}"])
        for name, x in zip(names, inputs, strict=True)
        if f"grad_in/{name}" in arrays and x.grad is not None and "mask" not in name
    ]
    assert compared
    assert max(compared) < 1e-12


def test_gradients_of_parameters_have_the_same_norm(released):
    layer, inputs, table, _, arrays = released
    layer.zero_grad()
    layer(*inputs).backward(arrays["cot/out"])
    found = mapping.write_arrays(table, {name: p.grad for name, p in layer.named_parameters()})
    expected = {key.removeprefix("grad_param_norm/"): x for key, x in arrays.items() if key.startswith("grad_param")}
    assert found.keys() == expected.keys()
    # The offset of the pair bias shifts all logits alike: its gradient is rounding alone.
    size = max(float(x) for x in expected.values())
    for key, norm in expected.items():
        assert float(found[key].norm()) == pytest.approx(float(norm), rel=1e-10, abs=1e-13 * size), key
    assert np.std([float(x) for x in expected.values()]) > 0
