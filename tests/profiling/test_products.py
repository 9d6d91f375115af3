"""The formulas of all operations give what torch counts, for every layer and for whole networks."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.models.af2.config import StructureModule as StructureSizes
from foldwright.models.af2.structure_module import InvariantPointAttention, MultimerInvariantPointAttention
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)
from foldwright.profiling.products import FORMULAS, products_of

B, S, N, T, C_M, C_Z, C_S = 2, 5, 7, 3, 24, 16, 20


def leaf(*shape):
    return torch.randn(shape, requires_grad=True)


def msa():
    return leaf(B, S, N, C_M), torch.ones(B, S, N)


def pair():
    return leaf(B, N, N, C_Z), torch.ones(B, N, N)


def rows():
    m, mask = msa()
    return m, leaf(B, N, N, C_Z), mask


def slots():
    return leaf(B, N, N, C_Z), leaf(B, N, N, T, C_M), torch.ones(B, T)


def frames():
    moving = Rigid(rotation_from_quaternion(torch.randn(B, N, 4)), torch.randn(B, N, 3))
    return leaf(B, N, C_S), leaf(B, N, N, C_Z), moving, torch.ones(B, N)


LAYERS = {
    Linear: ((C_M, C_Z), lambda: msa()[:1]),
    GatedAttention: ((C_M, C_M, 8, 2, C_M), lambda: (msa()[0], leaf(B, S, 4, C_M), torch.ones(B, S, 4))),
    MSARowAttentionWithPairBias: ((C_M, C_Z, 8, 2), rows),
    MSAColumnAttention: ((C_M, 8, 2), msa),
    MSAColumnGlobalAttention: ((C_M, 8, 2), msa),
    OuterProductMean: ((C_M, C_Z, 4), msa),
    TriangleMultiplicationOutgoing: ((C_Z, 12), pair),
    TriangleMultiplicationIncoming: ((C_Z, 12), pair),
    TriangleAttentionStartingNode: ((C_Z, 8, 2), pair),
    TriangleAttentionEndingNode: ((C_Z, 8, 2), pair),
    Transition: ((C_M, 3), lambda: msa()[:1]),
    TemplatePointwiseAttention: ((C_Z, C_M, 8, 2), slots),
    InvariantPointAttention: ((StructureSizes(heads=3, c_hidden=6), C_S, C_Z), frames),
    MultimerInvariantPointAttention: ((StructureSizes(heads=3, c_hidden=6), C_S, C_Z), frames),
}


def test_every_formula_is_tested():
    assert all(any(issubclass(layer, kind) for layer in LAYERS) for kind in FORMULAS)


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_a_formula_counts_what_torch_counts(kind):
    sizes, make = LAYERS[kind]
    layer, inputs = kind(*sizes), make()
    products = products_of(layer, inputs)
    with FlopCounterMode(display=False) as forward:
        out = layer(*inputs)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    assert sum(p.flops for p in products) == forward.get_total_flops() > 0
    assert sum(p.backward_flops for p in products) == backward.get_total_flops()
