"""The denoiser's layers against the released AlphaFold 3: ../shared/oracles/af3/modules (float32, rule parameters)."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from foldwright.features.af3_batch import AF3Batch, Gather, batch_from_arrays
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
from foldwright.weights.rule import af3_rule_array

FOLDERS = (Path(__file__).parents[2] / "oracles" / "af3", Path(__file__).parents[4] / "shared" / "oracles" / "af3")
STACK = "__layer_stack_with_per_layer"
WHOLE = (slice(None),)  # of arrays that are not stacked


def oracle_path(name: str) -> Path:
    """The committed copy, else the one in ../shared, else the test is skipped."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles/af3 nor in ../shared")


class Case:
    """A stored module: its arrays by name, and the rule's parameters by (scope, name) below `root`."""

    def __init__(self, name: str, root: str = ""):
        self.root = root
        with np.load(oracle_path(f"modules/{name}.npz"), allow_pickle=False) as arrays:
            self.arrays = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        params = json.loads(oracle_path(f"modules/{name}.json").read_text("utf-8"))["params"]
        self.shapes = {(p["scope"], p["name"]): tuple(p["shape"]) for p in params}

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.arrays[name]

    def inputs(self, *names: str) -> list[torch.Tensor]:
        return [self.arrays[f"in/{name}"] for name in names]

    def read(self, scope: str, name: str) -> torch.Tensor:
        scope = self.root + scope
        return rule(f"{scope}//{name}", self.shapes[scope, name])


@lru_cache(maxsize=64)
def rule(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The rule's array, drawn once for all blocks of a stack."""
    return torch.from_numpy(af3_rule_array(key, shape))


def fill(module: nn.Module, case: Case, table: dict[str, str], block: tuple = WHOLE) -> None:
    """Fill the submodules that the table names (path -> scope); `<` and `>` mark the halves of an array."""
    for path, place in table.items():
        layer = module.get_submodule(path)
        is_norm = isinstance(layer, nn.LayerNorm)
        for name, parameter in layer.named_parameters(recurse=False):
            key = {"weight": "scale" if is_norm else "weights", "bias": "offset" if is_norm else "bias"}[name]
            array = case.read(place.rstrip("<>"), key)[block]
            if place[-1] in "<>":
                array = array.chunk(2, dim=-1)[place[-1] == ">"]
            parameter.data.copy_(array.flatten(1).T if parameter.ndim == 2 else array.flatten())


def adaptive_norm(path: str, scope: str) -> dict[str, str]:
    names = {"norm": "layer_norm", "scale": "scale", "shift": "bias"}
    return {f"{path}{ours}": f"{scope}single_cond_{theirs}" for ours, theirs in names.items()}


def core(path: str, scope: str) -> dict[str, str]:
    names = {"query": "q_projection", "key": "k_projection", "value": "v_projection", "gate": "gating_query"}
    table = {f"{path}core.{ours}": scope + theirs for ours, theirs in names.items()}
    return table | {f"{path}core.out": f"{scope}transition2", f"{path}output_gate.gate": f"{scope}adaptive_zero_cond"}


def attention(path: str, scope: str) -> dict[str, str]:
    return adaptive_norm(f"{path}norm.", scope) | core(path, scope)


def window_attention(path: str, scope: str) -> dict[str, str]:
    norms = adaptive_norm(f"{path}query_norm.", f"{scope}q") | adaptive_norm(f"{path}key_norm.", f"{scope}k")
    return norms | core(path, scope)


def halves(path: str, scope: str) -> dict[str, str]:
    names = {"gate": "transition1<", "expand": "transition1>", "contract": "transition2"}
    return {f"{path}{ours}": f"{scope}ffw_{theirs}" for ours, theirs in names.items()}


def transition(path: str, scope: str) -> dict[str, str]:
    gate = {f"{path}output_gate.gate": f"{scope}ffw_adaptive_zero_cond"}
    return adaptive_norm(f"{path}norm.", f"{scope}ffw_") | halves(path, scope) | gate


def conditioning() -> dict[str, str]:
    table = {}
    for ours, theirs in {"pair": "pair_cond", "single": "single_cond", "noise": "noise_embedding"}.items():
        table |= {f"{ours}_norm": f"{theirs}_initial_norm", ours: f"{theirs}_initial_projection"}
    for kind in ("pair", "single"):
        for i in range(2):
            path, scope = f"{kind}_transitions.{i}.", f"{kind}_transition_{i}"
            table |= halves(path, scope) | {f"{path}norm": f"{scope}ffw_layer_norm"}
    return table


def fill_token_transformer(module: DiffusionTransformer, case: Case) -> None:
    scope = f"transformer/{STACK}/{STACK}/transformer"
    for i, block in enumerate(module.blocks):
        table = attention("attention.", scope) | transition("transition.", scope)
        fill(block, case, table, divmod(i, module.shared))
    for i in range(len(module.pair_bias)):
        fill(module, case, {f"pair_bias.{i}": f"transformer/{STACK}/pair_logits_projection"}, (i,))
    fill(module, case, {"pair_norm": "transformer/pair_input_layer_norm"})


def fill_atom_transformer(module: AtomTransformer, case: Case, scope: str) -> None:
    inner = f"{scope}/{STACK}/{scope}"
    for i, block in enumerate(module.blocks):
        fill(block, case, window_attention("attention.", inner) | transition("transition.", inner), (i,))
    fill(module, case, {"pair_norm": f"{scope}/pair_input_layer_norm", "pair_bias": f"{scope}/pair_logits_projection"})


def fill_encoder(module: AtomAttentionEncoder, case: Case, prefix: str) -> None:
    names = {
        "reference.position": "embed_ref_pos",
        "reference.mask": "embed_ref_mask",
        "reference.element": "embed_ref_element",
        "reference.charge": "embed_ref_charge",
        "reference.name": "embed_ref_atom_name",
        "pair.offset": "embed_pair_offsets_1",
        "pair.distance": "embed_pair_distances_1",
        "pair.is_valid": "embed_pair_offsets_valid",
        "pair.query": "single_to_pair_cond_row_1",
        "pair.key": "single_to_pair_cond_col_1",
        "pair.hidden_1": "pair_mlp_1",
        "pair.hidden_2": "pair_mlp_2",
        "pair.hidden_3": "pair_mlp_3",
        "out": "project_atom_features_for_aggr",
    }
    if isinstance(module, DiffusionAtomEncoder):
        names |= {
            "single_norm": "lnorm_trunk_single_cond",
            "single": "embed_trunk_single_cond",
            "pair_norm": "lnorm_trunk_pair_cond",
            "trunk_pair": "embed_trunk_pair_cond",
            "position": "atom_positions_to_features",
        }
    fill(module, case, {ours: f"{prefix}_{theirs}" for ours, theirs in names.items()})
    fill_atom_transformer(module.transformer, case, f"{prefix}_atom_transformer_encoder")


def fill_decoder(module: AtomAttentionDecoder, case: Case, prefix: str) -> None:
    names = {
        "token": "project_token_features_for_broadcast",
        "norm": "atom_features_layer_norm",
        "out": "atom_features_to_position_update",
    }
    fill(module, case, {ours: f"{prefix}_{theirs}" for ours, theirs in names.items()})
    fill_atom_transformer(module.transformer, case, f"{prefix}_atom_transformer_decoder")


def unfilled(kind: Callable[..., nn.Module], *sizes: Any) -> Any:
    """A module with no number anywhere, so that a parameter left out shows."""
    with torch.device("meta"):
        module = kind(*sizes)
    module.to_empty(device="cpu")
    for parameter in module.parameters():
        parameter.data.fill_(float("nan"))
    return module.eval().requires_grad_(False)


def stored_batch(name: str) -> AF3Batch:
    with np.load(oracle_path(name), allow_pickle=False) as arrays:
        return batch_from_arrays(dict(arrays))


def assert_equal(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 2e-6) -> None:
    assert expected.std() > 1e-2
    assert float((found - expected).norm() / expected.norm()) < tolerance


def test_adaptive_layer_norm_equals_the_released_one():
    case = Case("adaptive_layernorm")
    layer = unfilled(AdaptiveLayerNorm, 768, 384)
    fill(layer, case, adaptive_norm("", "transformer"))
    assert_equal(layer(*case.inputs("x", "single_cond")), case["out"])


def test_conditioned_attention_equals_the_released_one():
    case = Case("dt_self_attention")
    layer = unfilled(ConditionedAttention, 768, 384)
    fill(layer, case, attention("", "transformer"))
    assert 0 < case["in/mask"].mean() < 1
    assert_equal(layer(*case.inputs("x", "single_cond", "pair_logits", "mask")), case["out"])


def test_conditioned_transition_equals_the_released_one():
    case = Case("dt_transition")
    layer = unfilled(ConditionedTransition, 768, 384)
    fill(layer, case, transition("", "transformer"))
    assert_equal(layer(*case.inputs("x", "single_cond")), case["out"])


def test_diffusion_transformer_equals_the_released_one():
    case = Case("diffusion_transformer_8blocks")
    stack = unfilled(DiffusionTransformer, Diffusion(num_blocks=8), 384, 128)
    fill_token_transformer(stack, case)
    act, single, mask = case.inputs("act", "single_cond", "mask")
    assert_equal(stack(act, single, stack.prepare(case["in/pair_cond"]), mask), case["out"])


@pytest.mark.shared
def test_window_attention_equals_the_released_one():
    """The stored queries and keys are unrelated: they become one list of atoms, the keys behind the queries."""
    case = Case("dt_cross_attention")
    layer = unfilled(WindowAttention, 128, 4)
    fill(layer, case, window_attention("", "att"))
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
    layer = unfilled(DiffusionConditioning, Diffusion(), 447, 384, 128)
    fill(layer, case, conditioning())
    single, pair, target, level = case.inputs("emb/single", "emb/pair", "emb/target_feat", "noise_level")
    assert_equal(layer.pairs(pair, batch.tokens), case["out/pair"])
    assert_equal(layer(layer.singles(single, target), level), case["out/single"])


@pytest.mark.parametrize(
    "suffix", ["_tiny", pytest.param("", marks=pytest.mark.shared)]
)  # tiny: fewer than 128 atoms, so that windows run past the end
def test_encoder_of_input_atoms_equals_the_released_one(suffix):
    case = Case(f"atom_encoder_evoformer_conditioning{suffix}")
    batch = stored_batch("batch_tiny.npz" if suffix else "batch_e2e.npz")
    encoder = unfilled(AtomAttentionEncoder, AtomAttention(), 384)
    fill_encoder(encoder, case, "evoformer_conditioning")
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
    encoder = unfilled(DiffusionAtomEncoder, AtomAttention(), 768, 384, 128)
    fill_encoder(encoder, case, "diffusion")
    windows = encoder.condition(*case.inputs("trunk_single_cond", "trunk_pair_cond"), batch)
    kept = len(windows.mask)
    q = encoder.place(case["in/token_atoms_act"], windows)
    q = encoder.attend(q, windows, encoder.transformer.prepare(windows))
    assert_equal(q, case["out/skip_connection"][:kept])
    assert_equal(encoder.aggregate(q, windows.layout, batch.atom_mask), case["out/token_act"])

    case = Case("atom_decoder_diffusion")
    decoder = unfilled(AtomAttentionDecoder, AtomAttention(), 768)
    fill_decoder(decoder, case, "diffusion")
    out = decoder(case["in/token_act"], q, windows, decoder.transformer.prepare(windows))
    mask = batch.atom_mask[..., None]
    assert_equal(out * mask, case["out"] * mask)


@pytest.mark.shared
@pytest.mark.parametrize("sigma", ["16", "0.0064"])
def test_denoiser_equals_the_released_one_for_every_sample(sigma):
    case, batch = Case(f"diffusion_head_sigma{sigma}", "diffusion_head/"), stored_batch("batch_e2e.npz")
    module = unfilled(DiffusionModule, AF3(diffusion=Diffusion(num_blocks=4)))
    fill(module.conditioning, case, conditioning())
    fill_encoder(module.atom_encoder, case, "diffusion")
    fill_token_transformer(module.transformer, case)
    fill_decoder(module.atom_decoder, case, "diffusion")
    names = {"single_norm": "single_cond_embedding_norm", "single": "single_cond_embedding_projection"}
    fill(module, case, names | {"norm": "output_norm"})
    prepared = module.prepare(*case.inputs("emb/single", "emb/pair", "emb/target_feat"), batch)
    x, t = case.inputs("positions_noisy", "noise_level")
    others = torch.stack([x.flip(0), x])
    assert_equal(module.denoise(prepared, x, t), case["out"])
    assert_equal(module.denoise(prepared, others, t)[1], case["out"])
    assert_equal(module.denoise(prepared, others, torch.stack([t * 3, t]))[1], case["out"])
