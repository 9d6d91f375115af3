"""The denoiser's layers against the released AlphaFold 3: ../shared/oracles/af3/modules (float32, rule parameters)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from foldwright.features.af3.batch import AF3Batch, Gather, batch_from_arrays
from foldwright.models.af3.atom_encoder import (
    AtomAttentionDecoder,
    AtomAttentionEncoder,
    DiffusionAtomEncoder,
)
from foldwright.models.af3.atom_transformer import (
    AtomTransformer,
    AtomWindows,
    WindowAttention,
)
from foldwright.models.af3.config import AF3, AtomAttention, Diffusion
from foldwright.models.af3.diffusion import DiffusionModule
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformer
from foldwright.models.af3.fourier import FourierEmbedding, frequencies_and_phases
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition
from foldwright.weights import deepmind_af3 as tables
from foldwright.weights import mapping
from foldwright.weights.mapping import Table
from foldwright.weights.rule import af3_rule_parameters

FOLDERS = (Path(__file__).parents[2] / "oracles" / "af3", Path(__file__).parents[4] / "shared" / "oracles" / "af3")


def oracle_path(name: str) -> Path:
    """The committed copy, else the one in ../shared, else the test is skipped."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles/af3 nor in ../shared")


class Case:
    """The arrays of a stored module by name."""

    def __init__(self, name: str):
        with np.load(oracle_path(f"modules/{name}.npz"), allow_pickle=False) as arrays:
            self.arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.arrays[name]

    def inputs(self, *names: str) -> list[torch.Tensor]:
        return [self.arrays[f"in/{name}"] for name in names]


def filled(table: Table, kind: Callable[..., nn.Module], *sizes: Any) -> Any:
    """A module with the parameters that the rule makes of the names of its arrays."""
    with torch.device("meta"):
        module = kind(*sizes)
    state = mapping.read_arrays(module, table, af3_rule_parameters(mapping.manifest(module, table)))
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)


def stored_batch(name: str) -> AF3Batch:
    with np.load(oracle_path(name), allow_pickle=False) as arrays:
        return batch_from_arrays(dict(arrays))


def assert_equal(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 2e-6) -> None:
    assert expected.std() > 1e-2
    assert float((found - expected).norm() / expected.norm()) < tolerance


def test_adaptive_layer_norm_equals_the_released_one():
    case = Case("adaptive_layernorm")
    layer = filled(tables.prefixed("transformer", tables.ADAPTIVE_NORM), AdaptiveLayerNorm, 768, 384)
    assert_equal(layer(*case.inputs("x", "single_cond")), case["out"])


def test_conditioned_attention_equals_the_released_one():
    case = Case("dt_self_attention")
    table = tables.prefixed("transformer", tables.conditioned_attention(16, tables.ONE_NORM))
    layer = filled(table, ConditionedAttention, 768, 384)
    assert 0 < case["in/mask"].mean() < 1
    assert_equal(layer(*case.inputs("x", "single_cond", "pair_logits", "mask")), case["out"])


def test_conditioned_transition_equals_the_released_one():
    case = Case("dt_transition")
    table = tables.prefixed("transformerffw_", tables.CONDITIONED_TRANSITION)
    layer = filled(table, ConditionedTransition, 768, 384)
    assert_equal(layer(*case.inputs("x", "single_cond")), case["out"])


def test_diffusion_transformer_equals_the_released_one():
    case = Case("diffusion_transformer_8blocks")
    config = Diffusion(num_blocks=8)
    table = {"transformer": ("", tables.token_transformer(config))}
    stack = filled(table, DiffusionTransformer, config, 384, 128)
    act, single, mask = case.inputs("act", "single_cond", "mask")
    assert_equal(stack(act, single, stack.prepare(case["in/pair_cond"]), mask), case["out"])


@pytest.mark.shared
def test_window_attention_equals_the_released_one():
    """The stored queries and keys are unrelated: they become one list of atoms, the keys behind the queries."""
    case = Case("dt_cross_attention")
    table = tables.prefixed("att", tables.conditioned_attention(4, tables.TWO_NORMS))
    layer = filled(table, WindowAttention, 128, 4)
    atoms = torch.cat([case[f"in/x_{x}"].flatten(0, 1) for x in "qk"]).unflatten(0, (15, 32))
    c = torch.cat([case["in/single_cond_q"].flatten(0, 1), case["in/single_cond_k"].flatten(0, 1)]).unflatten(
        0, (15, 32)
    )
    mask = torch.cat([case[f"in/mask_{x}"].flatten() for x in "qk"]).unflatten(0, (15, 32))
    indices = torch.cat([96 + torch.arange(384).view(3, 128), torch.zeros(12, 128, dtype=torch.long)])
    layout = replace(
        stored_batch("batch_tiny.npz").layout, keys=Gather(indices=indices, mask=torch.ones(15, 128, dtype=torch.bool))
    )
    windows = AtomWindows(layout=layout, mask=mask, single=c, pair=torch.zeros(15, 32, 128, 16))
    logits = torch.cat([case["in/pair_logits"], torch.zeros(12, 4, 32, 128)])
    bias = AtomTransformer(AtomAttention(num_blocks=0)).masked(logits, windows)
    assert 0 < case["in/mask_q"].mean() < 1
    assert 0 < case["in/mask_k"].mean() < 1
    assert_equal(layer(atoms, layer.condition(c), bias, layout)[:3], case["out"])


def test_noise_levels_are_embedded_with_the_released_constants():
    with np.load(oracle_path("modules/noise_constants.npz")) as stored:
        w, b = frequencies_and_phases(256)
        np.testing.assert_allclose(w, stored["weight"], atol=1e-5)
        np.testing.assert_allclose(b, stored["bias"], atol=1e-7)
        assert w.std() > 0.9
    case = Case("noise_embeddings")
    assert_equal(FourierEmbedding()(torch.log(case["in/sigma"]) / 4), case["out"], 1e-5)


@pytest.mark.shared
def test_conditioning_equals_the_released_one():
    case, batch = Case("diffusion_conditioning"), stored_batch("batch_e2e.npz")
    layer = filled(tables.conditioning(Diffusion()), DiffusionConditioning, Diffusion(), 447, 384, 128)
    single, pair, target, level = case.inputs("emb/single", "emb/pair", "emb/target_feat", "noise_level")
    assert_equal(layer.pairs(pair, batch.tokens), case["out/pair"])
    assert_equal(layer(layer.singles(single, target), level), case["out/single"])


@pytest.mark.parametrize(
    "suffix", ["_tiny", pytest.param("", marks=pytest.mark.shared)]
)  # tiny: fewer than 128 atoms, so that windows run past the end
def test_encoder_of_input_atoms_equals_the_released_one(suffix):
    case = Case(f"atom_encoder_evoformer_conditioning{suffix}")
    batch = stored_batch("batch_tiny.npz" if suffix else "batch_e2e.npz")
    table = tables.atom_encoder(AtomAttention(), "evoformer_conditioning")
    encoder = filled(table, AtomAttentionEncoder, AtomAttention(), 384)
    windows = encoder.prepare(batch)
    kept, stored = len(windows.mask), len(case["out/pair_cond"])
    assert 0 < windows.mask.mean() < 1
    assert case["out/queries_mask"].sum() == windows.mask.sum() == batch.atom_mask.sum()
    assert_equal(windows.single, case["out/queries_single_cond"][:kept])
    assert_equal(windows.pair[:stored], case["out/pair_cond"][:kept])
    q = encoder.attend(windows.single, windows, encoder.transformer.prepare(windows))
    assert_equal(q, case["out/skip_connection"][:kept])
    assert_equal(encoder(batch), case["out/token_act"])


@pytest.mark.shared
def test_encoder_and_decoder_of_noisy_atoms_equal_the_released_ones():
    case, batch = Case("atom_encoder_diffusion"), stored_batch("batch_e2e.npz")
    table = {**tables.atom_encoder(AtomAttention(), "diffusion"), **tables.NOISY_ATOMS}
    encoder = filled(table, DiffusionAtomEncoder, AtomAttention(), 768, 384, 128)
    windows = encoder.condition(*case.inputs("trunk_single_cond", "trunk_pair_cond"), batch)
    kept = len(windows.mask)
    q = encoder.place(case["in/token_atoms_act"], windows)
    q = encoder.attend(q, windows, encoder.transformer.prepare(windows))
    assert_equal(q, case["out/skip_connection"][:kept])
    assert_equal(encoder.aggregate(q, windows.layout, batch.atom_mask), case["out/token_act"])

    case = Case("atom_decoder_diffusion")
    decoder = filled(tables.atom_decoder(AtomAttention()), AtomAttentionDecoder, AtomAttention(), 768)
    out = decoder(case["in/token_act"], q, windows, decoder.transformer.prepare(windows))
    mask = batch.atom_mask[..., None]
    assert_equal(out * mask, case["out"] * mask)


@pytest.mark.shared
@pytest.mark.parametrize("sigma", ["16", "0.0064"])
def test_denoiser_equals_the_released_one_for_every_sample(sigma):
    case, batch = Case(f"diffusion_head_sigma{sigma}"), stored_batch("batch_e2e.npz")
    config = AF3(diffusion=Diffusion(num_blocks=4))
    table = {"diffusion_head": ("", tables.diffusion_module(config.diffusion))}
    module = filled(table, DiffusionModule, config)
    prepared = module.prepare(*case.inputs("emb/single", "emb/pair", "emb/target_feat"), batch)
    x, t = case.inputs("positions_noisy", "noise_level")
    others = torch.stack([x.flip(0), x])
    assert_equal(module.denoise(prepared, x, t), case["out"])
    assert_equal(module.denoise(prepared, others, t)[1], case["out"])
    assert_equal(module.denoise(prepared, others, torch.stack([t * 3, t]))[1], case["out"])
