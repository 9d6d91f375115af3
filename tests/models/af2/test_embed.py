"""Embedders against the released program: ../shared/oracles/af2/modules and geometry, float64."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import pad

from foldwright.features.batch import ExtraMSA, Residues
from foldwright.models.af2.config import Recycling
from foldwright.models.af2.embed import (
    ExtraMSAEmbedder,
    InputEmbedder,
    MultimerInputEmbedder,
    RecyclingEmbedder,
    distance_bins,
)
from foldwright.nn.relative_position import ChainRelativePosition
from foldwright.weights import deepmind_af2 as deepmind


def residues(index, asym=None, entity=None, sym=None, mask=None):
    index = torch.as_tensor(index)
    one = torch.ones_like(index)
    ids = [one if x is None else torch.as_tensor(x) for x in (asym, entity, sym)]
    mask = torch.ones(index.shape, dtype=torch.float64) if mask is None else mask
    return Residues(aatype=0 * one, residue_index=index, asym_id=ids[0], entity_id=ids[1], sym_id=ids[2], mask=mask)


def test_chain_aware_relative_position_equals_the_released_program(module_case):
    case = module_case("relative_encoding_multimer")
    table = {"evoformer/~_relative_encoding/position_activations": ("out", deepmind.LINEAR)}
    layer = case.fill(ChainRelativePosition(128), table)
    case.check(out=layer(case["residue_index"], case["asym_id"], case["entity_id"], case["sym_id"]))


def test_distance_bins_equal_the_released_program(oracle):
    case = oracle("geometry/dgram_from_positions.npz")
    positions = torch.from_numpy(case["in/positions"]).double()
    for edges, name in (((3.25, 20.75, 15), "prev_pos_15"), ((3.25, 50.75, 39), "template_39")):
        bins = distance_bins(positions, *edges)
        np.testing.assert_array_equal(bins.numpy(), case[f"out/{name}"])
        assert 0 < bins.mean() < 1
        assert set(bins.sum(-1).unique().tolist()) == {0.0, 1.0}


def test_every_row_of_the_alignment_carries_the_query():
    embedder = InputEmbedder(22, 16, 8).double()
    target, feat = torch.randn(5, 22).double(), torch.randn(3, 5, 49).double()
    m, z = embedder(target, feat, residues(torch.arange(5)))
    moved, _ = embedder(target + 1, feat, residues(torch.arange(5)))
    difference = moved - m
    assert difference.abs().min() > 0
    torch.testing.assert_close(difference[0], difference[2])
    assert m.shape == (3, 5, 16)
    assert z.shape == (5, 5, 8)


def test_a_pair_is_the_sum_of_left_right_and_distance():
    embedder = InputEmbedder(22, 16, 8).double()
    target, feat, chain = torch.randn(5, 22).double(), torch.randn(3, 5, 49).double(), residues([0, 1, 2, 40, 80])
    _, z = embedder(target, feat, chain)
    relative = embedder.relative(chain)
    torch.testing.assert_close(z[1, 3], embedder.left(target[1]) + embedder.right(target[3]) + relative[1, 3])
    torch.testing.assert_close(relative[0, 3], relative[0, 4])  # 40 and 80 apart are both beyond 32
    assert (relative[0, 1] - relative[1, 0]).abs().max() > 0.01


def test_the_multimer_tells_chains_and_copies_apart():
    embedder = MultimerInputEmbedder(21, 16, 8).double()
    chains = {"asym": [1, 1, 2, 2, 3], "entity": [1, 1, 1, 1, 2], "sym": [1, 1, 2, 2, 1]}
    z = embedder.relative(residues([0, 1, 0, 1, 0], **chains))
    assert (z[0, 2] - z[0, 4]).abs().max() > 0.01  # a copy and another protein
    torch.testing.assert_close(z[0, 2], z[1, 2])  # between chains the position does not matter
    assert (z[0, 2] - z[2, 0]).abs().max() > 0.01


def test_recycled_zeros_still_add_offset_and_bias():
    embedder = RecyclingEmbedder(Recycling(), 16, 8).double()
    torch.nn.init.normal_(embedder.msa_norm.bias)
    torch.nn.init.normal_(embedder.distance.bias)
    zeros = torch.zeros(5, 16).double(), torch.zeros(5, 5, 8).double(), torch.zeros(5, 3).double()
    m, z = embedder(*zeros)
    torch.testing.assert_close(m, embedder.msa_norm.bias.expand(5, 16))
    torch.testing.assert_close(z, (embedder.distance.bias + embedder.pair_norm.bias).expand(5, 5, 8))
    assert m.std() > 0.1
    assert z.std() > 0.1


def test_recycled_distances_reach_the_pairs():
    embedder = RecyclingEmbedder(Recycling(), 16, 8).double()
    m, z = torch.randn(5, 16).double(), torch.randn(5, 5, 8).double()
    near, far = (scale * torch.randn(5, 3).double() for scale in (2, 20))
    (m_near, z_near), (m_far, z_far) = embedder(m, z, near), embedder(m, z, far)
    torch.testing.assert_close(m_near, m_far)
    assert (z_near - z_far).std() > 0.1
    assert (z_far - z_far.transpose(0, 1)).std() > 0.1


def test_extra_rows_are_read_position_by_position():
    embedder = ExtraMSAEmbedder(12).double()
    extra = ExtraMSA(
        aatype=torch.randint(23, (4, 6)),
        has_deletion=(torch.rand(4, 6) > 0.5).double(),
        deletion_value=torch.rand(4, 6).double(),
        mask=torch.ones(4, 6).double(),
    )
    e = embedder(extra)
    wider = embedder(replace(extra, **{name: pad(x, (0, 2, 0, 3)) for name, x in extra.flat().items()}))
    assert e.std() > 0.1
    torch.testing.assert_close(wider[:4, :6], e)
    shifted = embedder(replace(extra, deletion_value=extra.deletion_value + 1))
    torch.testing.assert_close(shifted - e, embedder.out.weight[:, 24].expand(4, 6, 12))
