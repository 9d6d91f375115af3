"""Blocks of the Evoformer against the released program: ../shared/oracles/af2/modules, float64, rule parameters."""

from dataclasses import replace

import pytest

from foldwright.models.af2.config import Evoformer, ExtraMSAStack
from foldwright.models.af2.evoformer import evoformer_block, extra_msa_block
from foldwright.weights import deepmind_af2 as deepmind

SMALL = Evoformer(num_blocks=2, c_m=64, c_z=32, c_s=24, c_msa_attention=8, c_pair_attention=8)
FIRST = replace(SMALL, outer_product_first=True)
EXTRA = ExtraMSAStack(num_blocks=2, c_e=64)
INPUTS = ("msa", "pair", "msa_mask", "pair_mask")


@pytest.mark.parametrize(
    ("name", "block", "table"),
    [
        ("evoformer_block_monomer", evoformer_block(SMALL), deepmind.evoformer_block(SMALL, deepmind.UNFUSED)),
        ("evoformer_block_multimer", evoformer_block(FIRST), deepmind.evoformer_block(FIRST, deepmind.FUSED)),
        (
            "extra_msa_block_monomer",
            extra_msa_block(SMALL, EXTRA),
            deepmind.extra_msa_block(SMALL, EXTRA, deepmind.UNFUSED),
        ),
    ],
)
def test_block_equals_the_released_program(module_case, name, block, table):
    case = module_case(name)
    scope = "extra_block" if name.startswith("extra") else "evo_block"
    case.fill(block, {scope: ("", table)})
    m, z = block(*(case[part] for part in INPUTS))
    case.check(msa=m, pair=z)
