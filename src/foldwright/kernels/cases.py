"""How to make each layer that has a kernel, small, and what to feed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from foldwright.features.af3.batch import AtomLayout, Gather, Tokens
from foldwright.models.af2.templates import TemplatePointwiseAttention
from foldwright.models.af3.atom_layout import gathered
from foldwright.models.af3.atom_transformer import AtomTransformer, AtomWindows, PaperAtomTransformer, WindowAttention
from foldwright.models.af3.config import AtomAttention, Diffusion
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning, PaperDiffusionConditioning
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformer
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition
from foldwright.nn.attention import MASKED, GatedAttention
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.linear import Linear
from foldwright.nn.msa_attention import MSAColumnAttention, MSAColumnGlobalAttention, MSARowAttentionWithPairBias
from foldwright.nn.outer_product import OuterProductMean
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging
from foldwright.nn.relative_position import PaperTokenRelativePosition, TokenRelativePosition
from foldwright.nn.transition import SwiGLUTransition, Transition
from foldwright.nn.triangle import (
    TriangleAttentionEndingNode,
    TriangleAttentionEndingNodeUnturned,
    TriangleAttentionStartingNode,
    TriangleMultiplicationIncoming,
    TriangleMultiplicationOutgoing,
)

S, N, C_M, C_Z = 5, 7, 32, 16  # lengths are odd, so that no piece divides them


def _msa(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(S, N, C_M), mask(S, N)


def _pair(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(N, N, C_Z), mask(N, N)


def _row(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    m, msa_mask = _msa(mask)
    return m, torch.randn(N, N, C_Z), msa_mask


def _core(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    m, msa_mask = _msa(mask)
    return m, m, msa_mask, torch.randn(1, 2, N, N)


def _slots(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(N, N, C_Z), torch.randn(N, N, 3, C_M), mask(2, 3)[0]


WITHOUT_BIAS = {"bias": False}  # the layers of AlphaFold 3


class Case(NamedTuple):
    """How to make a layer, small, what to feed it, other forms in which it is used, and how to run it."""

    sizes: tuple[Any, ...]
    inputs: Callable[..., tuple[Tensor, ...]]
    forms: tuple[dict[str, bool], ...] = ()
    run: Callable[..., Tensor] = lambda layer, *inputs: layer(*inputs)


def _alignment(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return _msa(mask)[:1]


def _tokens(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(N, C_M), torch.randn(N, N, C_Z), mask(2, N)[0]


def _conditioned_tokens(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    a, z, token_mask = _tokens(mask)
    return a, torch.randn(N, C_Z), z, token_mask


def _conditioned_rows(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return torch.randn(S, N, C_M), torch.randn(S, N, C_Z)


def _windows(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    q, c = torch.randn(2, 3, 32, C_M)
    seen = mask(4, 128)[[0, 2, 3]]  # each window sees something: the bias is no mask, and float32 would round the rest
    return q, c, torch.randn(3, 2, 32, 128) + ((1 - seen) * MASKED)[:, None, None, :]


def _pair_alone(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    return _pair(mask)[:1]


def _all_relations(layer: TokenRelativePosition, z: Tensor) -> Tensor:
    tokens = _tokens_of(z)
    places = tokens.residue_index, tokens.token_index, tokens.asym_id, tokens.entity_id, tokens.sym_id
    return z * layer(*places)


def _whole_conditioning(layer: DiffusionConditioning, z: Tensor) -> Tensor:
    """Pairs beside single tokens made of their means."""
    single = layer.singles(z.mean(-3), z.mean(-2))
    return layer.pairs(z, _tokens_of(z)) * layer(single, z.new_tensor(3.0))[..., None, :]


def _tokens_of(z: Tensor) -> Tokens:
    """Two copies of a chain, as many tokens as z [*batch n n c] has."""
    n = torch.arange(1, z.shape[-2] + 1, device=z.device).expand(z.shape[:-2])
    chain, is_real = 1 + (n > 3).long(), n > 0
    return Tokens(
        residue_index=n // 2,
        token_index=n,
        aatype=n,
        asym_id=chain,
        entity_id=n // n,
        sym_id=chain,
        mask=is_real.to(z),
        is_protein=is_real,
        is_rna=~is_real,
        is_dna=~is_real,
        is_ligand=~is_real,
    )


def _layout(device: torch.device) -> AtomLayout:
    """Keys from anywhere, some of them nowhere."""
    places = 5 * torch.arange(3 * 128, device=device).view(3, 128) % 96
    keys = Gather(indices=places, mask=places % 7 > 0)
    return AtomLayout(
        queries=keys, keys=keys, tokens_to_queries=keys, tokens_to_keys=keys, queries_to_tokens=keys, pseudo_beta=keys
    )


def _atoms(mask: Callable[..., Tensor]) -> tuple[Tensor, ...]:
    c, pair = torch.randn(N, 32, C_M), torch.randn(N, 32, 128, C_Z)
    return torch.randn(N, 32, C_M), c, pair, mask(N, 32)


def _among_atoms(layer: AtomTransformer, q: Tensor, c: Tensor, pair: Tensor, mask: Tensor) -> Tensor:
    """Real atoms, which see real ones alone: what is masked has logits that float32 would round."""
    places = torch.arange(128, device=q.device) + 32 * torch.arange(len(q), device=q.device)[:, None] - 48
    is_real = gathered(mask.reshape(-1, 1), Gather(indices=places, mask=places == places)).squeeze(-1) > 0
    layout = replace(_layout(q.device), keys=Gather(indices=places, mask=is_real))
    windows = AtomWindows(layout=layout, mask=mask, single=c, pair=pair)
    return layer(q, layer.prepare(windows), layout) * mask[..., None]


ATOMS = AtomAttention(num_blocks=2, heads=2, c_atom=C_M, c_atom_pair=C_Z)

CASES: dict[type[nn.Module], Case] = {
    GatedAttention: Case((C_M, C_M, 8, 2, C_M), _core, ({"query_bias": True, "bias": False},)),
    MSARowAttentionWithPairBias: Case((C_M, C_Z, 16, 2), _row),
    MSAColumnAttention: Case((C_M, 16, 2), _msa),
    MSAColumnGlobalAttention: Case((C_M, 8, 2), _msa),
    TriangleAttentionStartingNode: Case((C_Z, 16, 2), _pair, (WITHOUT_BIAS,)),
    TriangleAttentionEndingNode: Case((C_Z, 16, 2), _pair, (WITHOUT_BIAS,)),
    TriangleAttentionEndingNodeUnturned: Case((C_Z, 16, 2), _pair, (WITHOUT_BIAS,)),
    TriangleMultiplicationOutgoing: Case((C_Z, 32), _pair, (WITHOUT_BIAS,)),
    TriangleMultiplicationIncoming: Case((C_Z, 32), _pair, (WITHOUT_BIAS,)),
    OuterProductMean: Case((C_M, C_Z, 4), _msa, (WITHOUT_BIAS,)),
    Transition: Case((C_M,), _alignment),
    TemplatePointwiseAttention: Case((C_Z, C_M, 8, 2), _slots),
    Linear: Case((C_M, C_Z), _alignment, (WITHOUT_BIAS,)),
    SwiGLUTransition: Case((C_M,), _alignment),
    AttentionPairBias: Case((C_M, C_Z, 2), _tokens),
    MSAPairWeightedAveraging: Case((C_M, C_Z, 3, 2), _row),
    TokenRelativePosition: Case((C_Z,), _pair_alone, run=_all_relations),
    PaperTokenRelativePosition: Case((C_Z,), _pair_alone, run=_all_relations),
    AdaptiveLayerNorm: Case((C_M, C_Z), _conditioned_rows),
    ConditionedTransition: Case((C_M, C_Z), _conditioned_rows),
    ConditionedAttention: Case(
        (C_M, C_Z, 2),
        lambda mask: (*_conditioned_tokens(mask)[:2], torch.randn(2, N, N), mask(2, N)[0]),
    ),
    DiffusionTransformer: Case(
        (Diffusion(c_token=C_M, heads=2, num_blocks=2, blocks_per_pair_bias=2), C_Z, C_Z),
        _conditioned_tokens,
        run=lambda layer, a, s, z, mask: layer(a, s, layer.prepare(z), mask),
    ),
    WindowAttention: Case(
        (C_M, 2), _windows, run=lambda layer, q, c, bias: layer(q, layer.condition(c), bias, _layout(q.device))
    ),
    AtomTransformer: Case((ATOMS,), _atoms, run=_among_atoms),
    PaperAtomTransformer: Case((ATOMS,), _atoms, run=_among_atoms),
    DiffusionConditioning: Case((Diffusion(c_noise=8), C_Z, C_Z, C_Z), _pair_alone, run=_whole_conditioning),
    PaperDiffusionConditioning: Case((Diffusion(c_noise=8), C_Z, C_Z, C_Z), _pair_alone, run=_whole_conditioning),
}


def forms(layer: type[nn.Module]) -> list[dict[str, bool]]:
    """Every form in which a layer is used, the usual one first."""
    return [{}, *CASES[layer].forms]


def example(layer: type[nn.Module], form: Mapping[str, bool] | None = None) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A small layer with random parameters, and inputs whose masks hold zeros and ones and one empty row."""
    module = layer(*CASES[layer].sizes, **(form or {}))
    for parameter in module.parameters():
        # Norm scales stay near one, and no gate or output is left at its closed start.
        spread = torch.randn_like(parameter) * (0.1 if parameter.dim() == 1 else parameter.shape[-1] ** -0.5)
        parameter.copy_(spread + (1 if parameter.dim() == 1 else 0))
    return module, CASES[layer].inputs(_mixed_mask)


def _mixed_mask(*shape: int) -> Tensor:
    mask = (torch.rand(shape) > 0.3).float()
    mask[0, 0], mask[0, 1], mask[1] = 1, 0, 0
    return mask


def applied(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    """What a layer, or a kernel in its place, makes of the inputs of its case."""
    case = next(CASES[kind] for kind in type(module).__mro__ if kind in CASES)
    return case.run(module, *inputs)
