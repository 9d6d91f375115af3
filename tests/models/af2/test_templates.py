"""Template embedders against the released program: ../shared/oracles/af2/modules, float64, rule parameters."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import pad

from foldwright.features.batch import Residues, Templates
from foldwright.models.af2.config import TemplateEmbedder
from foldwright.models.af2.evoformer import PairBlock
from foldwright.models.af2.templates import (
    MonomerTemplateRows,
    MonomerTemplates,
    MultimerTemplateRows,
    MultimerTemplates,
    TemplatePairBlock,
    no_templates,
    unit_vectors,
)
from foldwright.weights import deepmind_af2 as deepmind

SIZES = TemplateEmbedder()


def residues_of(mask, asym_id=None):
    one = torch.ones(mask.shape, dtype=torch.int64)
    asym_id = one if asym_id is None else asym_id
    return Residues(aatype=one, residue_index=one, asym_id=asym_id, entity_id=one, sym_id=one, mask=mask)


def templates_of(case):
    atom_mask = case.parts["in"].get("template_all_atom_masks", case.parts["in"].get("template_all_atom_mask"))
    mask = case.parts["in"].get("template_mask", torch.ones(len(atom_mask)).double())
    positions = case["template_all_atom_positions"]
    return Templates(aatype=case["template_aatype"], positions=positions, atom_mask=atom_mask, mask=mask)


def test_pair_stack_equals_the_released_program(module_case):
    case = module_case("template_pair_stack")
    sizes = (SIZES.c_t, SIZES.c_triangle, SIZES.heads, SIZES.c_attention, SIZES.transition_factor, SIZES.dropout)
    blocks = nn.ModuleList(TemplatePairBlock(*sizes) for _ in range(2))
    table = deepmind.pair_block(SIZES.heads, deepmind.UNFUSED)
    stacked = {"__layer_stack_no_state": deepmind.Stacked("{i}", table, 2)}
    t, mask = case["pair"], case["pair_mask"]
    for block in case.fill(blocks, {"template_pair_stack": ("", stacked)}):
        t = block(t, mask)
    case.check(out=t)


@pytest.mark.parametrize(
    ("name", "embedder", "table"),
    [
        ("template_embedding_monomer", MonomerTemplates, deepmind.monomer_template_embedding(SIZES)),
        (
            "template_embedding_multimer",
            MultimerTemplates,
            deepmind.multimer_template_embedding(SIZES, deepmind.FUSED),
        ),
    ],
)
def test_pair_term_equals_the_released_program(module_case, name, embedder, table):
    case = module_case(name)
    layer = case.fill(embedder(SIZES, c_z=32), {"template_embedding": ("", table)})
    residues = residues_of(case["pair_mask"].diagonal(), case.parts["in"].get("asym_id"))
    case.check(out=layer(case["pair"], templates_of(case), residues))


def test_multimer_rows_equal_the_released_program(module_case):
    case = module_case("template_embedding_1d_multimer")
    table = {
        "template_single_embedding": ("embed", deepmind.LINEAR),
        "template_projection": ("project", deepmind.LINEAR),
    }
    rows, mask = case.fill(MultimerTemplateRows(34, 64), table)(templates_of(case))
    case.check(act=rows, mask=mask)


def random_templates(num=2, residues=7):
    return Templates(
        aatype=torch.randint(20, (num, residues)),
        positions=8 * torch.randn(num, residues, 37, 3).double(),
        atom_mask=(torch.rand(num, residues, 37) > 0.1).double(),
        mask=torch.ones(num).double(),
    )


def noisy(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.double().eval()


def with_empty_slot(templates):
    wider = {name: pad(x, (0, 0) * (x.ndim - 1) + (0, 1)) for name, x in templates.flat().items()}
    return replace(templates, **wider)


def with_padding(templates):
    """Three more residues that have no atoms."""
    wider = {
        "aatype": pad(templates.aatype, (0, 3)),
        "positions": pad(templates.positions, (0, 0, 0, 0, 0, 3)),
        "atom_mask": pad(templates.atom_mask, (0, 0, 0, 3)),
    }
    return replace(templates, **wider)


@pytest.mark.parametrize("embedder", [MonomerTemplates, MultimerTemplates])
def test_padding_does_not_change_real_pairs(embedder):
    layer, templates, z = noisy(embedder(SIZES, c_z=32)), random_templates(), torch.randn(7, 7, 32).double()
    mask = torch.ones(7).double()
    out = layer(z, templates, residues_of(mask))
    wide = layer(pad(z, (0, 0, 0, 3, 0, 3), value=5.0), with_padding(templates), residues_of(pad(mask, (0, 3))))
    assert out.std() > 0.05
    torch.testing.assert_close(wide[:7, :7], out)


def test_the_monomer_ignores_empty_slots():
    layer, templates, z = noisy(MonomerTemplates(SIZES, c_z=32)), random_templates(), torch.randn(7, 7, 32).double()
    residues = residues_of(torch.ones(7).double())
    out = layer(z, templates, residues)
    torch.testing.assert_close(layer(z, with_empty_slot(templates), residues), out)
    assert out.std() > 0.05
    assert layer(z, no_templates(residues), residues).abs().max() == 0


def test_the_multimer_reads_pairs_within_a_chain_only():
    layer, templates, z = noisy(MultimerTemplates(SIZES, c_z=32)), random_templates(1), torch.randn(7, 7, 32).double()
    moved = replace(templates, positions=templates.positions + 30 * (torch.arange(7) > 3)[:, None, None])
    mask, two_chains = torch.ones(7).double(), torch.tensor([1, 1, 1, 1, 2, 2, 2])
    one, two = residues_of(mask), residues_of(mask, two_chains)
    torch.testing.assert_close(layer(z, moved, two), layer(z, templates, two))
    assert (layer(z, moved, one) - layer(z, templates, one)).abs().max() > 1e-3


def test_unit_vectors_turn_with_nothing():
    templates = random_templates(1)
    vectors = unit_vectors(templates)
    axis = torch.linalg.qr(torch.randn(3, 3).double())[0]
    axis = axis * axis.det()
    turned = replace(templates, positions=templates.positions @ axis + 5)
    torch.testing.assert_close(unit_vectors(turned), vectors)
    lengths = vectors.norm(dim=-1)[0]
    torch.testing.assert_close(lengths, 1 - torch.eye(7).double())


def test_monomer_rows_count_where_psi_is_known():
    templates = random_templates()
    rows, mask = noisy(MonomerTemplateRows(57, 64))(templates)
    backbone = templates.atom_mask[..., [0, 1, 2, 4]].prod(-1)
    torch.testing.assert_close(mask, backbone)
    assert 0 < mask.mean() < 1
    assert rows.std() > 0.1


@pytest.mark.parametrize("block", [PairBlock, TemplatePairBlock])
def test_pair_blocks_differ_in_order_only(block):
    other = TemplatePairBlock if block is PairBlock else PairBlock
    sizes = (16, 16, 2, 8, 2, 0.25)
    ours, theirs = noisy(block(*sizes)), other(*sizes).double().eval()
    theirs.load_state_dict(ours.state_dict())
    z, mask = torch.randn(5, 5, 16).double(), torch.ones(5, 5).double()
    assert (ours(z, mask) - theirs(z, mask)).std() > 1e-3
