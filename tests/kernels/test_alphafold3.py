"""AlphaFold 3 with an installed plan: the same structures and confidence, nothing of the caller overwritten."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright import kernels
from foldwright.features.af3.batch import AF3Batch, batch_from_arrays
from foldwright.kernels import precision
from foldwright.kernels.fast import Fast
from foldwright.models.af3.config import (
    AF3,
    AtomAttention,
    Diffusion,
    Heads,
    MSAModule,
    Pairformer,
    PairSizes,
    Sampling,
    TemplateEmbedder,
)
from foldwright.models.af3.model import AlphaFold3
from foldwright.models.af3.sampler import SeededDraws

ATOMS = AtomAttention(num_blocks=2, heads=2, c_atom=16, c_atom_pair=4)
PAIR = PairSizes(c_z=16, c_triangle=16, heads=2, c_attention=16, transition_factor=2)  # whole vectors
SIZES = AF3(
    atoms=ATOMS,
    templates=TemplateEmbedder(num_blocks=1, pair=replace(PAIR, c_z=32)),
    msa=MSAModule(num_blocks=2, c_m=16, c_outer=4, heads=2, c_value=3, pair=PAIR),
    pairformer=Pairformer(num_blocks=2, c_s=16, heads=2, pair=PAIR),
    diffusion=Diffusion(c_token=32, c_noise=8, num_blocks=4, heads=2, atoms=ATOMS),
    sampling=Sampling(num_steps=3),
    heads=Heads(num_confidence_blocks=1),
)
ORDERS = [torch.arange(6), torch.arange(6).flip(0)]
DRAWS = SeededDraws(seed=3, samples=(0, 1), num_tokens=16)


@pytest.fixture(scope="module")
def batch() -> AF3Batch:
    """13 tokens of 60 atoms, padded to 16."""
    with np.load(Path(__file__).parents[1] / "oracles" / "af3" / "batch_tiny.npz", allow_pickle=False) as arrays:
        return batch_from_arrays(dict(arrays))


@pytest.fixture(scope="module")
def model() -> AlphaFold3:
    torch.manual_seed(0)
    built = AlphaFold3(SIZES).eval()
    for parameter in built.parameters():
        scale = 0.3 if parameter.dim() == 1 else parameter.shape[-1] ** -0.5
        parameter.data.normal_(std=scale).add_(1.0 if parameter.dim() == 1 else 0.0)
    return built


@pytest.fixture
def textbook(model):
    yield kernels.uninstall(model)
    kernels.uninstall(model)


def everything(model, batch):
    with torch.inference_mode():
        out = model(batch, ORDERS, DRAWS)
    return {
        "single": out.trunk.single,
        "pair": out.trunk.pair,
        "distogram": out.distogram_logits,
        "positions": out.positions,
        "plddt": out.confidence.plddt,
        "pae": out.confidence.pae,
    }


def assert_alike(found, expected, bound):
    for name, value in expected.items():
        error = float((found[name] - value).norm() / value.norm())
        assert error < bound, (name, error)
        assert value.std() > 1e-2, name


@pytest.mark.parametrize("training", [False, True])
def test_an_installed_model_computes_the_same(textbook, batch, training):
    expected = everything(textbook, batch)
    plan = replace(kernels.plan("cpu", 16, training), piece_bytes=2000)
    installed = kernels.install(textbook, plan)
    assert sum(isinstance(layer, Fast) for layer in installed.modules()) > 40
    assert_alike(everything(installed, batch), expected, 1e-4)


def test_what_several_readers_share_is_not_overwritten(textbook, batch):
    """Confidence of the same structure, asked twice; and the conditioning of atoms after its attention."""
    installed = kernels.install(textbook, kernels.plan("cpu", 16, training=False))
    with torch.no_grad():
        target_feat = installed.input_features(batch)
        s, z, x = torch.randn(16, 16), torch.randn(16, 16, 16), torch.randn(16, 24, 3)
        first, second = (installed.confidence_head(batch, target_feat, s, z, x) for _ in range(2))
        again = installed.input_features(batch)
    assert torch.equal(first.pae, second.pae)
    assert torch.equal(first.plddt, second.plddt)
    assert torch.equal(target_feat, again)
    assert first.pae.std() > 1e-2


def test_denoiser_and_confidence_stay_in_float32_beside_a_bfloat16_trunk(textbook, batch):
    expected = everything(textbook, batch)
    installed = kernels.install(textbook, kernels.plan("cpu", 16, training=False, precision="bfloat16"))
    types = {name: layer.product_dtype for name, layer in installed.named_modules() if isinstance(layer, Fast)}
    islands = [kind for name, kind in types.items() if name.startswith(("diffusion.", "confidence_head."))]
    assert len(islands) > 10
    assert set(islands) == {None}
    assert types["trunk.pairformer.blocks.0.pair.triangle_attention_starting"] is torch.bfloat16
    found = everything(installed, batch)
    error = float((found["pair"] - expected["pair"]).norm() / expected["pair"].norm())
    assert 1e-4 < error < precision.RELATIVE_ERROR["bfloat16"]
