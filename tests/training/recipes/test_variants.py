"""What a variant lacks has no influence on it, and has on the whole network."""

import pytest
import torch

from foldwright.errors import InputError
from foldwright.models.af2.outputs import Previous
from foldwright.training.objective_af2 import loss_terms
from foldwright.training.recipes.variants import CHANGES, VARIANTS, build


@pytest.fixture
def network(base):
    """A network by its variant, every parameter random so that no update is still zero."""

    def make(variant):
        torch.manual_seed(1)
        model = build(variant, base.model).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        return model

    return make


def test_a_recycled_structure_changes_nothing_without_recycling(network, example):
    batch, _ = example
    n = len(batch.residues.mask)
    nothing = Previous.zeros(batch.residues.mask, 16, 16)
    something = Previous(
        msa_first_row=torch.randn(n, 16), pair=torch.randn(n, n, 16), positions=torch.randn(n, 37, 3) * 8
    )
    for variant, is_same in [("alphafold", False), ("no_recycling", True)]:
        model = network(variant)
        first, second = (model.one_pass([batch], previous).positions for previous in (nothing, something))
        assert first.std() > 1
        assert torch.allclose(first, second) is is_same


def test_pairs_do_not_reach_the_structure_past_the_trunk_without_ipa(network, example):
    residues = example[0].residues
    n = len(residues.mask)
    s, z = torch.randn(n, 16), torch.randn(2, n, n, 16)
    for variant, is_same in [("alphafold", False), ("no_ipa", True)]:
        structure = network(variant).structure_module
        first, second = (structure(s, pairs, residues.aatype, residues.mask).atom14_positions[-1] for pairs in z)
        assert first.std() > 1
        assert torch.allclose(first, second) is is_same
    assert not any("ipa" in name for name, _ in network("no_ipa").named_parameters())


def test_projected_frames_are_rotations_that_differ_between_residues(network, example):
    residues = example[0].residues
    s = torch.randn(len(residues.mask), 16)
    z = torch.zeros(len(s), len(s), 16)
    out = network("no_ipa").structure_module(s, z, residues.aatype, residues.mask)
    rotation = out.backbone_rotation[0]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand_as(rotation), atol=1e-5, rtol=0)
    assert torch.linalg.det(rotation).min() > 0.99
    assert rotation.std(0).min() > 0.05


def test_an_edge_hears_only_from_its_row_and_column_without_triangles(network):
    """The gradient of one attention's edge (i, j) with respect to all edges."""
    for variant, is_axial in [("alphafold", False), ("no_triangles", True)]:
        pair = network(variant).trunk.evoformer.blocks[0].pair
        z = torch.randn(7, 7, 16, requires_grad=True)
        mask = torch.ones(7, 7)
        mask[:, 6] = 0
        for layer, along_columns in [(pair.triangle_attention_starting, False), (pair.triangle_attention_ending, True)]:
            seen = torch.autograd.grad(layer(z, mask)[2, 3].sum(), z)[0].abs().sum(-1) > 0
            line = seen[:, 3] if along_columns else seen[2]
            assert line[:6].all()
            assert (seen.sum() == line.sum()) == is_axial


def test_pairs_do_not_guide_the_rows_and_nothing_is_gated_without_triangles(network, example):
    for variant, is_same in [("alphafold", False), ("no_triangles", True)]:
        block = network(variant).trunk.evoformer.blocks[0]
        m, z, mask = torch.randn(5, 7, 16), torch.randn(2, 7, 7, 16), torch.ones(5, 7)
        mask[3, 2:] = 0
        first, second = (block.row_attention(m, pairs, mask) for pairs in z)
        assert first.std() > 0.01
        assert torch.allclose(first, second) is is_same
    names = [name for name, _ in network("no_triangles").trunk.named_parameters()]
    gone = ("triangle_multiplication", "gate", "row_attention.bias", "row_attention.pair_norm")
    assert not [name for name in names if any(part in name for part in gone)]


def test_rows_matter_only_through_the_frequencies_of_pairs_without_the_raw_alignment(network, make_batch, example):
    """Two alignments whose letters agree in all pairs and in no triple: parity even, and parity odd."""
    even = torch.tensor([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
    query = torch.randint(0, 20, (7,))

    def batch(parity):
        rows = query.repeat(4, 1)
        rows[:, :3] = parity + 4
        torch.manual_seed(2)
        return make_batch(query, torch.cat([query[None], rows]), torch.cat([rows, rows[:1]]))

    for variant, is_same in [("alphafold", False), ("no_raw_msa", True)]:
        model = network(variant)
        first, second = (model([[batch(parity)]]).distogram_logits for parity in (even, 1 - even))
        assert first.std() > 0.01
        assert torch.allclose(first, second, atol=1e-4) is is_same


def test_frequencies_of_the_alignment_matter_without_its_rows(network, make_batch, example):
    batch, _ = example
    model = network("no_raw_msa")
    rows = batch.masked_msa.true_msa
    others = torch.cat([rows[:1], rows[1:].flip(-1)])
    extra = batch.extra_msa.aatype
    first, second = (model([[make_batch(batch.residues.aatype, x, extra)]]).distogram_logits for x in (rows, others))
    assert (first - second).abs().max() > 0.01


def test_the_structure_teaches_the_trunk_nothing_without_its_gradients(network, example):
    batch, labels = example
    for variant, is_cut in [("alphafold", False), ("no_structure_gradients", True)]:
        model = network(variant)
        output = model([[batch]])
        terms = loss_terms(output, labels, batch.residues, batch.masked_msa)
        learners = list(model.trunk.parameters())
        structure = torch.autograd.grad(terms.structure.backbone_fape, learners, retain_graph=True, allow_unused=True)
        assert all(g is None or not g.any() for g in structure) is is_cut
        assert any(g is not None and g.any() for g in torch.autograd.grad(terms.distogram, learners, allow_unused=True))


def test_changes_compose_in_any_order(network, example):
    batch, _ = example
    first, second = (network(name) for name in ("+".join(CHANGES), "+".join(reversed(CHANGES))))
    assert first.state_dict().keys() == second.state_dict().keys()
    assert torch.equal(first([[batch]]).positions, second([[batch]]).positions)


def test_every_variant_is_listed_and_an_unknown_one_is_an_error(base):
    assert set(VARIANTS) == {"alphafold", *CHANGES}
    assert type(VARIANTS["no_ipa"](base.model).structure_module).__name__ == "DirectProjection"
    with pytest.raises(InputError, match="no_recycling"):
        build("no_such", base.model)
