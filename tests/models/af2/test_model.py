from dataclasses import replace

import pytest
import torch

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues, Templates
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, Recycling, StructureModule, TemplateEmbedder
from foldwright.models.af2.model import AlphaFold, distance_change
from foldwright.models.af2.outputs import AF2Output, Previous

TINY = AF2(
    trunk=Evoformer(
        num_blocks=1,
        c_m=8,
        c_z=8,
        c_s=8,
        msa_heads=2,
        c_msa_attention=4,
        pair_heads=2,
        c_pair_attention=4,
        c_triangle=8,
        c_outer=4,
        transition_factor=2,
    ),
    extra_msa=ExtraMSAStack(num_blocks=1, c_e=4, msa_heads=2, c_msa_attention=2),
    templates=TemplateEmbedder(num_blocks=1, c_t=8, heads=2, c_attention=4, c_triangle=8),
    structure=StructureModule(num_layers=2, heads=2, c_hidden=4, num_query_points=2, num_value_points=2, c_angles=8),
)
TINY_MULTIMER = replace(
    TINY,
    is_multimer=True,
    trunk=replace(TINY.trunk, outer_product_first=True),
    structure=replace(TINY.structure, position_scale=20.0),
)


def tiny(config: AF2) -> AlphaFold:
    model = AlphaFold(config).double().eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm.weight" in name), std=0.3)
    return model


def draw(config: AF2, num_real: int = 9, n: int = 12, seed: int = 1) -> AF2Batch:
    """Random features of the same residues; the alignment depends on the seed."""
    fixed, rng = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    aatype = torch.randint(0, 20, (n,), generator=fixed)
    mask = (torch.arange(n) < num_real).double()
    asym_id = torch.where(torch.arange(n) < 5, 1, 2) if config.is_multimer else torch.ones(n, dtype=torch.long)
    rows = torch.ones(4, 1).double() * mask
    rows[3, 2] = 0
    return AF2Batch(
        residues=Residues(
            aatype=aatype,
            residue_index=torch.arange(n),
            asym_id=asym_id,
            entity_id=asym_id,
            sym_id=torch.ones_like(asym_id),
            mask=mask,
        ),
        target_feat=torch.randn(n, config.c_target, generator=fixed).double(),
        msa=ClusteredMSA(feat=torch.randn(4, n, 49, generator=rng).double(), mask=rows),
        extra_msa=ExtraMSA(
            aatype=torch.randint(0, 22, (3, n), generator=rng),
            has_deletion=torch.rand(3, n, generator=rng).double(),
            deletion_value=torch.rand(3, n, generator=rng).double(),
            mask=rows[:3],
        ),
        templates=Templates(
            aatype=torch.randint(0, 20, (2, n), generator=fixed),
            positions=10 * torch.randn(2, n, 37, 3, generator=fixed).double(),
            atom_mask=(torch.rand(2, n, 37, generator=fixed).double() > 0.3).double() * mask[:, None],
            mask=torch.tensor([1.0, 0.0]).double(),
        ),
        masked_msa=MaskedMSA(true_msa=torch.zeros(4, n, dtype=torch.long), bert_mask=rows),
    )


def real_residues(output: AF2Output, k: int) -> list[torch.Tensor]:
    kept = output.representations
    return [
        kept.single[:k],
        kept.pair[:k, :k],
        output.positions[:k],
        output.plddt_logits[:k],
        output.confidence.plddt[:k],
    ]


@pytest.fixture(params=[TINY, TINY_MULTIMER], ids=["monomer", "multimer"])
def config(request):
    return request.param


@torch.no_grad()
def test_padding_does_not_change_real_residues(config):
    model, batch = tiny(config), draw(config)
    alone = batch.map(lambda x: x.narrow(x.shape.index(12), 0, 9) if 12 in x.shape else x)
    with_padding, without = (model([[b], [b]]) for b in (batch, alone))
    for ours, theirs in zip(real_residues(with_padding, 9), real_residues(without, 9), strict=True):
        assert ours.std() > 1e-3
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(with_padding.confidence.ptm, without.confidence.ptm)


@torch.no_grad()
def test_recycling_reads_the_pass_before(config):
    model = tiny(config)
    first, second = (draw(config, seed=s) for s in (1, 2))
    passes = list(model.iterate([[first], [second]]))
    assert [p.number for p in passes] == [0, 1]
    assert passes[0].moved is None
    again = model.one_pass([second], passes[0].output.recycled())
    torch.testing.assert_close(passes[1].output.positions, again.positions)
    fresh = model.one_pass([second], Previous.zeros(second.residues.mask, 8, 8))
    assert (again.positions - fresh.positions).abs().max() > 1e-3
    change = distance_change(again.positions, passes[0].output.positions, second.residues.mask)
    assert passes[1].moved == pytest.approx(change)


def test_only_the_last_pass_carries_gradient(config):
    model = tiny(config)
    first, second = (draw(config, seed=s) for s in (1, 2))
    model([[first], [second]]).positions.square().sum().backward()
    twice = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    with torch.no_grad():
        previous = model.one_pass([first], Previous.zeros(first.residues.mask, 8, 8)).recycled()
    model.one_pass([second], previous).positions.square().sum().backward()
    assert len(twice) > 50
    for name, gradient in twice.items():
        torch.testing.assert_close(gradient, model.get_parameter(name).grad)


@torch.no_grad()
def test_one_more_pass_follows_once_nothing_moves():
    config = replace(TINY_MULTIMER, recycling=Recycling(tolerance=1e6))
    model, batch = tiny(config), draw(config)
    assert [p.number for p in model.iterate([[batch]] * 9)] == [0, 1, 2]
    config = replace(config, recycling=Recycling(tolerance=0.0))
    model.config = config
    assert len(list(model.iterate([[batch]] * 5))) == 5


@torch.no_grad()
def test_ensemble_averages_representations_before_the_structure(config):
    model = tiny(config)
    members = [draw(config, seed=s) for s in (1, 2, 3)]
    previous = Previous.zeros(members[0].residues.mask, 8, 8)
    alone = [model.trunk(member, previous) for member in members]
    output = model.one_pass(members, previous)
    for name in ("pair", "single", "msa_first_row"):
        mean = torch.stack([getattr(kept, name) for kept in alone]).mean(0)
        torch.testing.assert_close(getattr(output.representations, name), mean)
    torch.testing.assert_close(output.representations.msa, alone[0].msa)
    assert (alone[0].pair - alone[1].pair).abs().max() > 1e-3


@torch.no_grad()
def test_what_a_network_does_not_predict_is_absent():
    config = replace(TINY, heads=replace(TINY.heads, is_pae_predicted=False))
    output = tiny(config)([[draw(config)]])
    assert output.pae_logits is None
    assert output.confidence.pae is None
    assert output.confidence.ptm is None
    with_pae = tiny(TINY)([[draw(TINY)]]).confidence
    assert with_pae.ptm is not None
    assert with_pae.iptm is None  # one chain
    assert tiny(TINY_MULTIMER)([[draw(TINY_MULTIMER)]]).confidence.iptm is not None


@torch.no_grad()
def test_dropout_is_for_training_only(config):
    model, batch = tiny(config), draw(config)
    torch.testing.assert_close(model([[batch]]).positions, model([[batch]]).positions)
    model.train()
    assert (model([[batch]]).positions - model([[batch]]).positions).abs().max() > 1e-3


def test_nothing_to_run_is_an_error():
    with pytest.raises(ValueError, match="no passes"):
        tiny(TINY)([])
