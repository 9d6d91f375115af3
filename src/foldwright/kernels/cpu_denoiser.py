"""The layers of AF3's denoiser for inference on a CPU."""

import torch
from torch import Tensor

from foldwright.features.af3.batch import AtomLayout, Gather
from foldwright.kernels.cpu_attention import PairLogits
from foldwright.kernels.cpu_tokens import gathered_by_tokens
from foldwright.kernels.fast import Fast, over_batch
from foldwright.models.af3.atom_layout import gathered
from foldwright.models.af3.atom_transformer import WindowAttention, WindowCondition
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformer
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, Modulation


class CPUAdaptiveLayerNorm(Fast, AdaptiveLayerNorm):
    """AF3 SI Alg. 26: scaled and shifted in one go."""

    is_inference_only = True

    def condition(self, s: Tensor) -> Modulation:
        """All that `s` alone decides."""
        if torch.is_grad_enabled():
            return super().condition(s)
        s = self.norm(s)
        return Modulation(self.scale(s).sigmoid_(), self.shift(s))

    def modulate(self, a: Tensor, by: Modulation) -> Tensor:
        """The rest."""
        if torch.is_grad_enabled():
            return super().modulate(a, by)
        return torch.addcmul(by.shift, torch.nn.functional.layer_norm(a, (self.c_a,), eps=self.norm.eps), by.scale)


class CPUConditionedAttention(Fast, ConditionedAttention):
    """AF3 SI Alg. 24 with conditioning, without the matrix of weights."""

    is_inference_only = True

    def forward(self, a: Tensor, s: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(a, s, bias, mask)
        update = gathered_by_tokens(self.core, self.norm(a, s), bias, mask)
        return update.mul_(self.output_gate.condition(s))


class CPUDiffusionTransformer(PairLogits, DiffusionTransformer):
    """AF3 SI Alg. 23: logits are written head by head, and the normalised pairs are never whole."""

    is_inference_only = True

    def prepare(self, z: Tensor) -> tuple[Tensor, ...]:
        """What the pairs add to the logits of each block."""
        if torch.is_grad_enabled() or z.dim() > 3:
            return super().prepare(z)
        logits = (self.logits_of_pairs(z, self.pair_norm, project)[0] for project in self.pair_bias)  # type: ignore[arg-type]
        return tuple(bias for several in logits for bias in several.unflatten(0, (self.shared, -1)).unbind(0))


class CPUWindowAttention(Fast, WindowAttention):
    """AF3 SI Alg. 24 within windows, a few of them at a time: gathered keys and weights are never whole."""

    is_inference_only = True

    def forward(self, q: Tensor, by: WindowCondition, bias: Tensor, layout: AtomLayout) -> Tensor:
        if torch.is_grad_enabled() or layout.keys.indices.dim() > 2:
            return super().forward(q, by, bias, layout)
        core = self.core
        x_k = self.key_norm.modulate(q, by.key)
        k, v = core.key(x_k).flatten(-3, -2), core.value(x_k).flatten(-3, -2)
        del x_k
        x_q = self.query_norm.modulate(q, by.query)
        bias = bias.expand(*q.shape[:-3], *bias.shape[-4:])
        o = over_batch(lambda q, k, v, bias: self._attend(q, k, v, bias, layout), 3, core.query(x_q), k, v, bias)
        assert core.gate is not None
        o.mul_(core.gate(x_q).sigmoid_())
        return core.out(o).mul_(by.gate)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, layout: AtomLayout) -> Tensor:
        """What the queries of each window [s 32 c] take of the atoms [atoms c] around it."""
        out = torch.empty_like(q)
        num_keys, c = layout.keys.indices.shape[-1], q.shape[-1]

        def attend(some: slice) -> None:
            around = Gather(indices=layout.keys.indices[some], mask=layout.keys.mask[some])
            heads = (self.core.split(x) for x in (q[some], gathered(k, around), gathered(v, around)))
            o = torch.nn.functional.scaled_dot_product_attention(*heads, attn_mask=bias[some])
            out[some] = o.transpose(1, 2).flatten(-2)

        self.each_piece(len(q), 4 * num_keys * c * q.element_size(), attend)
        return out
