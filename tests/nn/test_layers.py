"""What the layers promise whoever trained them: starts, masks, dropout, relative positions."""

import pytest
import torch
from torch.nn.functional import pad

from foldwright.nn.attention import GatedAttention
from foldwright.nn.dropout import ColumnDropout, RowDropout
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.relative_position import (
    PaperTokenRelativePosition,
    RelativePosition,
    TokenRelativePosition,
    one_hot,
)
from foldwright.nn.transition import Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

MSA_LAYERS = [
    MSAColumnAttention(12, 4, 2),
    MSAColumnGlobalAttention(12, 4, 2),
    OuterProductMean(12, 8, 4),
]
PAIR_LAYERS = [
    TriangleMultiplicationOutgoing(12, 8),
    TriangleMultiplicationIncoming(12, 8),
    TriangleAttentionStartingNode(12, 4, 2),
    TriangleAttentionEndingNode(12, 4, 2),
]


def awake(layer):
    """The layer in float64 with no gate or output left at zero."""
    for parameter in layer.double().parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


def mixed_mask(*shape):
    mask = (torch.rand(shape) > 0.3).double()
    mask[0, 0], mask[0, 1] = 1, 0
    return mask


@pytest.mark.parametrize("layer", MSA_LAYERS, ids=lambda x: type(x).__name__)
def test_padding_an_alignment_changes_no_real_position(layer):
    awake(layer)
    m, mask = torch.randn(5, 7, 12).double(), mixed_mask(5, 7)
    out = layer(m, mask)
    wider = layer(pad(m, (0, 0, 0, 3, 0, 2), value=50.0), pad(mask, (0, 3, 0, 2)))
    torch.testing.assert_close(wider[: out.shape[0], :7], out)
    assert out.std() > 1e-2


@pytest.mark.parametrize("layer", PAIR_LAYERS, ids=lambda x: type(x).__name__)
def test_padding_pairs_changes_no_real_pair(layer):
    awake(layer)
    z, mask = torch.randn(6, 6, 12).double(), mixed_mask(6, 6)
    out = layer(z, mask)
    wider = layer(pad(z, (0, 0, 0, 3, 0, 3), value=50.0), pad(mask, (0, 3, 0, 3)))
    torch.testing.assert_close(wider[:6, :6], out)
    assert out.std() > 1e-2


def test_padding_changes_no_real_position_of_row_attention():
    layer = awake(MSARowAttentionWithPairBias(12, 8, 4, 2))
    m, z, mask = torch.randn(5, 7, 12).double(), torch.randn(7, 7, 8).double(), mixed_mask(5, 7)
    out = layer(m, z, mask)
    wider = layer(
        pad(m, (0, 0, 0, 2, 0, 3), value=50.0), pad(z, (0, 0, 0, 2, 0, 2), value=50.0), pad(mask, (0, 2, 0, 3))
    )
    torch.testing.assert_close(wider[:5, :7], out)
    assert out.std() > 1e-2


@pytest.mark.parametrize("layer", PAIR_LAYERS, ids=lambda x: type(x).__name__)
def test_a_batch_is_its_items(layer):
    awake(layer)
    z, mask = torch.randn(2, 5, 5, 12).double(), torch.stack([mixed_mask(5, 5), mixed_mask(5, 5)])
    torch.testing.assert_close(layer(z, mask), torch.stack([layer(*item) for item in zip(z, mask, strict=True)]))


def test_a_query_with_nothing_to_look_at_takes_the_mean():
    layer = awake(GatedAttention(12, 12, 4, 2, 12))
    x = torch.randn(3, 7, 12).double()
    mask = mixed_mask(3, 7)
    mask[1] = 0
    uniform = layer.value(x[1]).mean(0)
    expected = layer.out(torch.sigmoid(layer.gate(x[1])) * uniform)
    torch.testing.assert_close(layer(x, x, mask)[1], expected)
    assert expected.std() > 1e-2


@pytest.mark.parametrize(
    ("layer", "c"), [(Transition(12), 12), (TriangleMultiplicationOutgoing(12, 8), 12)], ids=["transition", "triangle"]
)
def test_a_new_residual_layer_starts_as_nothing(layer, c):
    x = torch.randn(4, 4, c)
    out = layer(x) if isinstance(layer, Transition) else layer(x, torch.ones(4, 4))
    assert out.abs().max() == 0


def test_linear_maps_start_with_the_variance_of_their_role():
    variance = {
        init: float(Linear(400, 300, init=init).weight.detach().var()) for init in ("default", "relu", "attention")
    }
    assert variance["default"] == pytest.approx(1 / 400, rel=0.03)
    assert variance["relu"] == pytest.approx(2 / 400, rel=0.03)
    assert variance["attention"] == pytest.approx(2 / 700, rel=0.03)
    gate = Linear(5, 3, init="gating")
    assert gate.weight.abs().max() == 0
    assert set(gate.bias.tolist()) == {1.0}


@pytest.mark.parametrize(("dropout", "axis"), [(RowDropout, 0), (ColumnDropout, 1)])
def test_dropout_is_shared_along_its_axis(dropout, axis):
    x = torch.ones(20, 30, 16)
    dropped = dropout(0.25)(x)
    assert (dropped == dropped.narrow(axis, 0, 1)).all()
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean() == pytest.approx(1, abs=0.1)
    other = dropped.select(axis, 0)
    assert other.var(0).max() > 0
    torch.testing.assert_close(dropout(0.25).eval()(x), x)


def test_one_hot_takes_the_nearest_bin():
    bins = torch.tensor([-2.0, 0.0, 3.0])
    assert one_hot(torch.tensor([-9.0, -0.9, 1.4, 1.6, 7.0]), bins).argmax(-1).tolist() == [0, 1, 1, 2, 2]


@pytest.fixture
def complex_of_four():
    """Two residues each of two copies of one chain, of another chain, and of an ion that is a third copy of it."""
    residue_index = torch.tensor([1, 2, 1, 2, 1, 2, 1, 1])
    asym_id = torch.tensor([1, 1, 2, 2, 3, 3, 4, 4])
    entity_id = torch.tensor([1, 1, 1, 1, 2, 2, 2, 2])
    sym_id = torch.tensor([1, 1, 2, 2, 1, 1, 3, 3])
    return residue_index, torch.arange(8), asym_id, entity_id, sym_id


def test_the_paper_and_the_released_program_count_copies_of_other_pairs(complex_of_four):
    """AF3 SI Alg. 3 line 8: the paper's condition is another chain, the released program's the same entity."""
    released, paper = TokenRelativePosition(8), PaperTokenRelativePosition(8)
    paper.load_state_dict(released.state_dict())
    z, other = released(*complex_of_four), paper(*complex_of_four)
    _, _, asym_id, entity_id, _ = complex_of_four
    is_same_chain, is_same_entity = asym_id[:, None] == asym_id, entity_id[:, None] == entity_id
    agrees = ~is_same_chain & is_same_entity
    torch.testing.assert_close(z[agrees], other[agrees])
    assert ((z - other)[~agrees].abs().amax(-1) > 1e-3).all()
    assert 0 < agrees.float().mean() < 1
    assert z.std() > 1e-2


def test_the_paper_form_has_no_copies_within_a_chain_and_signed_ones_between_chains(complex_of_four):
    """The six classes of AF3 SI Alg. 3 line 9, by hand: differences of -2 to 2, then the chain itself."""
    classes = PaperTokenRelativePosition(8).relations(*complex_of_four, some=slice(None))[..., -6:].argmax(-1)
    assert classes[0].tolist() == [5, 5, 1, 1, 2, 2, 0, 0]
    assert classes[6].tolist() == [4, 4, 3, 3, 4, 4, 5, 5]
    released = TokenRelativePosition(8).relations(*complex_of_four, some=slice(None))[..., -6:].argmax(-1)
    assert released[0].tolist() == [2, 2, 1, 1, 5, 5, 5, 5]
    assert released[6].tolist() == [5, 5, 5, 5, 4, 4, 2, 2]


@pytest.mark.parametrize("layer", [TokenRelativePosition(8), PaperTokenRelativePosition(8)])
def test_rows_of_token_relations_are_independent(layer, complex_of_four):
    torch.testing.assert_close(layer.rows(*complex_of_four, some=slice(2, 5)), layer(*complex_of_four)[2:5])


def test_relative_position_is_clipped_and_signed():
    layer = RelativePosition(8, max_distance=3)
    z = layer(torch.tensor([0, 1, 5, 9]))
    torch.testing.assert_close(z[0, 2], z[0, 3])  # 5 and 9 are both beyond 3
    torch.testing.assert_close(z[0, 2], z[1, 2])
    assert (z[0, 1] - z[1, 0]).abs().max() > 1e-2
    assert (z[0, 1] - z[0, 2]).abs().max() > 1e-2
