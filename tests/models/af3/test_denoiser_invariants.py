"""What holds for the denoiser and its atoms whatever the parameters are: small networks of random numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from foldwright.features.af3.batch import AF3Batch, batch_from_arrays
from foldwright.models.af3 import atom_encoder
from foldwright.models.af3.atom_encoder import (
    AtomAttentionEncoder,
    AtomPairEmbedder,
    DiffusionAtomEncoder,
    PaperAtomPairEmbedder,
)
from foldwright.models.af3.atom_layout import to_keys, to_queries, trimmed
from foldwright.models.af3.atom_transformer import AtomTransformer, PaperAtomTransformer
from foldwright.models.af3.config import AF3, AtomAttention, Diffusion
from foldwright.models.af3.diffusion import DiffusionModule
from foldwright.models.af3.diffusion_transformer import DiffusionTransformer


@pytest.fixture
def tiny() -> AF3Batch:
    """13 tokens of 60 atoms, padded to 16: fewer atoms than one window of keys holds."""
    with np.load(Path(__file__).parents[2] / "oracles" / "af3" / "batch_tiny.npz", allow_pickle=False) as arrays:
        return batch_from_arrays(dict(arrays))


SMALL = AtomAttention(num_blocks=2, heads=2, c_atom=16, c_atom_pair=4)


def random(module: nn.Module) -> Any:
    for parameter in module.parameters():
        parameter.data.normal_(std=0.3)
    return module.eval().requires_grad_(False)


def test_windows_left_out_do_not_change_tokens(tiny, monkeypatch):
    """The first 60 slots of the keys are the atoms; without the empty windows they still are."""
    near = replace(tiny.layout.keys, indices=tiny.layout.keys.indices % 64)
    batch = replace(tiny, layout=replace(tiny.layout, keys=near))
    encoder = random(AtomAttentionEncoder(SMALL, 8))
    few = encoder(batch)
    assert len(trimmed(batch.layout, batch.atom_mask).queries.indices) == 2
    monkeypatch.setattr(atom_encoder, "trimmed", lambda layout, mask: layout)
    torch.testing.assert_close(encoder(batch), few)
    assert few[:13].std() > 1e-2


def test_windows_that_others_look_at_are_kept(tiny):
    assert len(trimmed(tiny.layout, tiny.atom_mask).queries.indices) == len(tiny.layout.queries.indices) == 12


def test_examples_of_a_batch_do_not_meet(tiny):
    encoder = random(DiffusionAtomEncoder(SMALL, 8, 6, 5))
    s, z, x = torch.randn(2, 16, 6), torch.randn(2, 16, 16, 5), torch.randn(3, 2, 16, 24, 3)
    other = replace(
        tiny, reference=replace(tiny.reference, positions=tiny.reference.positions + torch.randn(16, 24, 3))
    )

    def tokens(batch, s, z, x):
        windows = encoder.condition(s, z, batch)
        q = encoder.attend(encoder.place(x, windows), windows, encoder.transformer.prepare(windows))
        return encoder.aggregate(q, windows.layout, batch.atom_mask)

    together = tokens(AF3Batch.collate([tiny, other]), s, z, x)
    alone = [tokens(batch, s[i], z[i], x[:, i]) for i, batch in enumerate((tiny, other))]
    torch.testing.assert_close(together, torch.stack(alone, dim=1))
    assert (alone[0] - alone[1]).abs().max() > 1e-2


def test_pairs_of_one_conformer_as_released_and_as_in_the_paper(tiny):
    """Counts of ../shared/oracles/af3/quirks_measured.json, batch_tiny: 3600 pairs, 500 the same, 360 said to be."""
    mask = to_queries(tiny.atom_mask[..., None], tiny.layout)
    real = (mask * to_keys(mask, tiny.layout).mT) > 0
    released = AtomPairEmbedder(16, 4).shared_conformer(tiny.reference, tiny.layout)
    paper = PaperAtomPairEmbedder(16, 4).shared_conformer(tiny.reference, tiny.layout)
    counts = [int(x.sum()) for x in (real, paper & real, released & real, released & paper & real)]
    assert counts == [3600, 500, 360, 25]


def test_empty_slots_are_seen_as_released_and_not_as_in_the_paper(tiny):
    """60 atoms in windows of 128: what stands in an empty slot reaches atoms through the released attention alone."""
    windows = random(AtomAttentionEncoder(SMALL, 8)).prepare(tiny)
    atoms = windows.mask > 0
    change = {}
    for kind in (AtomTransformer, PaperAtomTransformer):
        torch.manual_seed(1)
        stack, q = random(kind(SMALL)), torch.randn(12, 32, 16)
        other = torch.where(atoms[..., None], q, torch.randn(12, 32, 16))
        given = stack.prepare(windows)
        out, moved = (stack(x, given, windows.layout)[atoms] for x in (q, other))
        change[kind] = float((moved - out).abs().max())
    assert change[AtomTransformer] > 1e-3
    assert change[PaperAtomTransformer] == 0


def test_absent_atoms_and_tokens_do_not_change_the_denoised(tiny):
    sizes = Diffusion(c_token=16, c_noise=8, num_blocks=4, heads=2, atoms=SMALL)
    module = random(DiffusionModule(AF3(diffusion=sizes)))
    s, z, target = torch.randn(16, 384), torch.randn(16, 16, 128), torch.randn(16, 447)
    x, t = torch.randn(16, 24, 3), torch.tensor(4.0)
    absent = tiny.atom_mask == 0
    out = module(x, t, s, z, target, tiny)
    assert absent.any()
    assert out[absent].eq(0).all()
    torch.testing.assert_close(module(torch.where(absent[..., None], x + 50, x), t, s, z, target, tiny), out)
    assert out[~absent].std() > 1e-2
    elsewhere = module(torch.where(absent[..., None], x, x + 1), t, s, z, target, tiny)
    assert (elsewhere - out).abs().max() > 1e-2


def test_gradients_reach_every_parameter(tiny):
    sizes = Diffusion(c_token=16, c_noise=8, num_blocks=4, heads=2, atoms=SMALL)
    module = random(DiffusionModule(AF3(diffusion=sizes))).requires_grad_(True)
    s, z, target = torch.randn(16, 384), torch.randn(16, 16, 128), torch.randn(16, 447)
    module(torch.randn(2, 16, 24, 3), torch.tensor([1.0, 30.0]), s, z, target, tiny).square().sum().backward()
    assert not [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]


def test_blocks_that_share_a_projection_must_fill_it():
    with pytest.raises(ValueError, match="multiple of 4"):
        DiffusionTransformer(Diffusion(num_blocks=6), 384, 128)
