"""One pass of the trunk at small sizes; its numbers are held to the released program by `foldwright verify`."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import one_hot, pad

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues, Templates
from foldwright.models.af2.config import Evoformer, ExtraMSAStack, TemplateEmbedder
from foldwright.models.af2.outputs import Previous
from foldwright.models.af2.presets import preset
from foldwright.models.af2.trunk import Trunk

C_M, C_Z = 16, 8
N, ROWS, EXTRA = 7, 4, 5


def make_trunk(name):
    """A preset at a fraction of its width, every parameter stirred so that no update is zero."""
    base = preset(name)
    config = replace(
        base,
        trunk=Evoformer(
            num_blocks=2, c_m=C_M, c_z=C_Z, c_s=12, msa_heads=2, c_msa_attention=4, pair_heads=2, c_pair_attention=4,
            c_triangle=8, c_outer=4, outer_product_first=base.trunk.outer_product_first,
        ),
        extra_msa=ExtraMSAStack(num_blocks=1, c_e=8, msa_heads=2, c_msa_attention=4),
        templates=base.templates and TemplateEmbedder(num_blocks=1, c_t=8, heads=2, c_attention=4, c_triangle=8),
    )  # fmt: skip
    trunk = Trunk(config).double().eval()
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return trunk


def make_batch(c_target):
    index = torch.arange(N)
    chain = (index > 3).long() + 1
    aatype = torch.randint(20, (N,))
    msa_mask = (torch.rand(ROWS, N) > 0.2).double()
    msa_mask[0] = 1
    return AF2Batch(
        residues=Residues(
            aatype=aatype,
            residue_index=index,
            asym_id=chain,
            entity_id=chain,
            sym_id=chain,
            mask=torch.ones(N).double(),
        ),
        target_feat=one_hot(aatype, c_target).double(),
        msa=ClusteredMSA(feat=torch.randn(ROWS, N, 49).double(), mask=msa_mask),
        extra_msa=ExtraMSA(
            aatype=torch.randint(23, (EXTRA, N)),
            has_deletion=(torch.rand(EXTRA, N) > 0.5).double(),
            deletion_value=torch.rand(EXTRA, N).double(),
            mask=(torch.rand(EXTRA, N) > 0.2).double(),
        ),
        templates=Templates(
            aatype=torch.randint(20, (2, N)),
            positions=8 * torch.randn(2, N, 37, 3).double(),
            atom_mask=(torch.rand(2, N, 37) > 0.1).double(),
            mask=torch.ones(2).double(),
        ),
        masked_msa=MaskedMSA(true_msa=torch.randint(22, (ROWS, N)), bert_mask=torch.zeros(ROWS, N).double()),
    )


def make_previous():
    return Previous(
        msa_first_row=torch.randn(N, C_M).double(),
        pair=torch.randn(N, N, C_Z).double(),
        positions=10 * torch.randn(N, 37, 3).double(),
    )


def widened(group, sizes):
    """Every axis of these lengths made longer with zeros."""
    return group.map(lambda x: pad(x, [w for size in reversed(x.shape) for w in (0, sizes.get(size, 0))]))


NETWORKS = [("model_1_ptm", 22), ("model_3", 22), ("model_1_multimer_v3", 21)]


@pytest.mark.parametrize(("name", "c_target"), NETWORKS)
def test_padded_residues_and_rows_change_nothing(name, c_target):
    trunk, batch, previous = make_trunk(name), make_batch(c_target), make_previous()
    out = trunk(batch, previous)
    wide = trunk(widened(batch, {N: 3, ROWS: 2, EXTRA: 4}), widened(previous, {N: 3}))
    torch.testing.assert_close(wide.single[:N], out.single)
    torch.testing.assert_close(wide.pair[:N, :N], out.pair)
    is_real = batch.msa.mask.bool()
    assert 0 < batch.msa.mask.mean() < 1
    torch.testing.assert_close(wide.msa[:ROWS, :N][is_real], out.msa[is_real])
    assert min(x.std() for x in out.flat().values()) > 0.1


@pytest.mark.parametrize(("name", "c_target"), NETWORKS)
def test_every_part_of_the_input_reaches_the_pairs(name, c_target):
    trunk, batch, previous = make_trunk(name), make_batch(c_target), make_previous()
    leaves = {**batch.flat(), **previous.flat("previous.")}
    continuous = ["target_feat", "msa.feat", "extra_msa.deletion_value", "previous.msa_first_row", "previous.pair"]
    for part in continuous:
        leaves[part].requires_grad_()
    trunk(batch, previous).pair.square().sum().backward()
    for part in continuous:
        gradient = leaves[part].grad
        assert gradient is not None, part
        assert gradient.abs().max() > 0, part


@pytest.mark.parametrize(("name", "c_target"), NETWORKS[::2])
def test_templates_change_alignment_and_pairs_and_leave_no_rows(name, c_target):
    trunk, batch, previous = make_trunk(name), make_batch(c_target), make_previous()
    assert batch.templates is not None
    with_templates, without = trunk(batch, previous), trunk(replace(batch, templates=None), previous)
    assert with_templates.msa.shape == without.msa.shape == (ROWS, N, C_M)
    assert (with_templates.pair - without.pair).std() > 1e-3
    empty = batch.templates.map(lambda x: torch.zeros_like(x))
    emptied = trunk(replace(batch, templates=empty), previous)
    torch.testing.assert_close(emptied.flat(), without.flat())


def test_the_previous_structure_is_read_through_pseudo_beta():
    trunk, batch, previous = make_trunk("model_3"), make_batch(22), make_previous()
    out = trunk(batch, previous)
    shaken = previous.positions.clone()
    shaken[:, 5:] += 10  # beyond N, CA, C, CB, O
    torch.testing.assert_close(trunk(batch, replace(previous, positions=shaken)).pair, out.pair)
    shaken[:, 1] += 10 * torch.randn(N, 3)
    shaken[:, 3] += 10 * torch.randn(N, 3)
    assert (trunk(batch, replace(previous, positions=shaken)).pair - out.pair).std() > 1e-3


def test_a_batch_is_its_examples():
    trunk = make_trunk("model_1_ptm")
    batches, before = [make_batch(22), make_batch(22)], [make_previous(), make_previous()]
    together = trunk(AF2Batch.collate(batches), Previous.collate(before))
    for i in range(2):
        alone = trunk(batches[i], before[i])
        for name, value in alone.flat().items():
            torch.testing.assert_close(together.flat()[name][i], value)


def test_what_is_recycled_does_not_hold_the_alignment_in_memory():
    out = make_trunk("model_3")(make_batch(22), make_previous())
    assert out.msa_first_row.untyped_storage().nbytes() == N * C_M * 8
