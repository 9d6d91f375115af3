"""Blocks of the Evoformer against the released program: ../shared/oracles/af2/modules, float64, rule parameters."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import pad

from foldwright.models.af2.config import Evoformer
from foldwright.models.af2.config import ExtraMSAStack as ExtraSizes
from foldwright.models.af2.evoformer import EvoformerStack, ExtraMSAStack, evoformer_block, extra_msa_block
from foldwright.weights import deepmind_af2 as deepmind

SIZES = Evoformer(num_blocks=2, c_m=64, c_z=32, c_s=24, c_msa_attention=8, c_pair_attention=8)
FIRST = replace(SIZES, outer_product_first=True)
EXTRA = ExtraSizes(num_blocks=2, c_e=64)
CASES = {
    "evoformer_block_monomer": (
        lambda: evoformer_block(SIZES),
        {"evo_block": ("", deepmind.evoformer_block(SIZES, deepmind.UNFUSED))},
    ),
    "evoformer_block_multimer": (
        lambda: evoformer_block(FIRST),
        {"evo_block": ("", deepmind.evoformer_block(FIRST, deepmind.FUSED))},
    ),
    "extra_msa_block_monomer": (
        lambda: extra_msa_block(SIZES, EXTRA),
        {"extra_block": ("", deepmind.extra_msa_block(SIZES, EXTRA, deepmind.UNFUSED))},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_block_equals_the_released_program(module_case, name):
    case = module_case(name)
    make, table = CASES[name]
    m, z = case.fill(make(), table)(case["msa"], case["pair"], case["msa_mask"], case["pair_mask"])
    case.check(msa=m, pair=z)


def random_parameters(module):
    """Rule-free noise in every parameter, so that no residual update is zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.double().eval()


def random_inputs(rows=5, residues=6):
    m, z = torch.randn(rows, residues, 64).double(), torch.randn(residues, residues, 32).double()
    msa_mask = (torch.rand(rows, residues) > 0.3).double()
    msa_mask[0] = 1
    return m, z, msa_mask, torch.ones(residues, residues).double()


@pytest.mark.parametrize("sizes", [SIZES, FIRST])
def test_padding_does_not_change_real_rows_and_residues(sizes):
    stack = random_parameters(EvoformerStack(sizes))
    m, z, msa_mask, pair_mask = random_inputs()
    wider = (
        pad(m, (0, 0, 0, 3, 0, 2), value=7.0),
        pad(z, (0, 0, 0, 3, 0, 3), value=-7.0),
        pad(msa_mask, (0, 3, 0, 2)),
        pad(pair_mask, (0, 3, 0, 3)),
    )
    m_out, z_out, s_out = stack(m, z, msa_mask, pair_mask)
    m_wide, z_wide, s_wide = stack(*wider)
    assert 0 < msa_mask.mean() < 1
    assert min(x.std() for x in (m_out, z_out, s_out)) > 0.1
    is_real = msa_mask.bool()
    torch.testing.assert_close(m_wide[:5, :6][is_real], m_out[is_real])
    torch.testing.assert_close(z_wide[:6, :6], z_out)
    torch.testing.assert_close(s_wide[:6], s_out)


def test_padding_does_not_change_what_extra_rows_say():
    stack = random_parameters(ExtraMSAStack(SIZES, EXTRA))
    m, z, msa_mask, pair_mask = random_inputs()
    z_out = stack(m, z, msa_mask, pair_mask)
    z_wide = stack(
        pad(m, (0, 0, 0, 3, 0, 2), value=7.0),
        pad(z, (0, 0, 0, 3, 0, 3), value=-7.0),
        pad(msa_mask, (0, 3, 0, 2)),
        pad(pair_mask, (0, 3, 0, 3)),
    )
    assert (z_out - z).std() > 0.1
    torch.testing.assert_close(z_wide[:6, :6], z_out)


def test_a_batch_is_its_examples():
    block = random_parameters(evoformer_block(SIZES))
    one, two = random_inputs(), random_inputs()
    together = block(*(torch.stack(pair) for pair in zip(one, two, strict=True)))
    for i, example in enumerate((one, two)):
        for whole, alone in zip(together, block(*example), strict=True):
            torch.testing.assert_close(whole[i], alone)
    assert (together[0][0] - together[0][1]).abs().max() > 0.1


def test_dropout_acts_in_training_only():
    block = random_parameters(evoformer_block(SIZES))
    inputs = random_inputs()
    first, again = block(*inputs), block(*inputs)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    block.train()
    first, again = block(*inputs), block(*inputs)
    assert all((x - y).abs().max() > 0.01 for x, y in zip(first, again, strict=True))


def test_each_dropout_has_the_rate_and_direction_of_the_released_program():
    block = evoformer_block(SIZES)
    assert (block.row_dropout.rate, block.pair.row_dropout.rate, block.pair.column_dropout.rate) == (0.15, 0.25, 0.25)
    # Suppl. 1.11.6: a column-wise mask only for the ending node, whose update is laid out as the transposed one.
    assert type(block.pair.column_dropout).__name__ == "ColumnDropout"
